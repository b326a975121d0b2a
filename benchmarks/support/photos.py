"""A small folder of concept photos made from noise: RGBA, so that no segmenter's luck is part of a figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from engine.rows.values import Pixels

CONCEPTS = ("mug", "teapot", "backpack", "vase")
SIDE = 160


def write_photos(folder: Path, *, per_concept: int = 2, broken: bool = False) -> None:
    """Write ``<concept>/<number>.png``; with `broken`, one more that ends halfway."""
    for number, concept in enumerate(CONCEPTS):
        (folder / concept).mkdir(parents=True)
        for take in range(per_concept):
            Image.fromarray(_thing(number, take)).save(folder / concept / f"{take:02d}.png")
    if broken:
        whole = (folder / CONCEPTS[0] / "00.png").read_bytes()
        (folder / CONCEPTS[0] / "99.png").write_bytes(whole[: len(whole) // 2])


def _thing(number: int, take: int) -> Pixels:
    """A mottled ellipse, SIDExSIDEx4, straight alpha; its proportions and colours are the concept's."""
    draw = np.random.default_rng([number, take])
    y, x = np.mgrid[:SIDE, :SIDE] / (SIDE - 1) * 2 - 1
    width, height = 0.5 + 0.1 * number, 0.9 - 0.1 * number
    inside = (x / width) ** 2 + (y / height) ** 2
    colour = np.random.default_rng(number).integers(60, 200, 3)
    mottled = np.kron(draw.integers(-40, 40, (SIDE // 8, SIDE // 8, 3)), np.ones((8, 8, 1)))
    rgb = np.clip(colour + mottled, 0, 255).astype(np.uint8)
    alpha = np.clip((1.05 - inside) * 10 * 255, 0, 255).astype(np.uint8)
    return np.dstack([rgb, alpha])
