"""What every scene shares: the frame it is painted in, palettes to pick from, ground in perspective, air over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from engine.compose.scenery.textures import RGB, Camera, Field, enlarge, lay, noise

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Frame:
    """What a scene is painted with: `rows` of horizon above `size - rows` of ground, `size` columns.

    `sun` is the side of the light, -1 (left) .. 1 (right).
    """

    size: int
    rows: int
    sun: float
    rng: np.random.Generator


Scene = Callable[[Frame], tuple[Field, Field]]
"""Paints the horizon (rows x size x 3) and the ground (size - rows x size x 3), RGB 0..255, float32."""


def pick(frame: Frame, *choices: T) -> T:
    """One of several palettes."""
    return choices[int(frame.rng.integers(len(choices)))]


def ground(frame: Frame, tile: Field, metres: float, above: float) -> Field:
    """The tile on the ground, with faint patches of light and shade over it.

    Args:
        frame: the frame.
        tile: the material.
        metres: size of the tile in camera heights.
        above: height of the vanishing line over the ground line, share of the canvas: 0.05 for a plain that hills end,
            0.3 for a table seen from above.
    """
    camera = Camera(frame.size, frame.rows, frame.rows / frame.size - above)
    shift = frame.rng.uniform(0, 1, 2)
    laid = lay(tile, camera, metres, (float(shift[0]), float(shift[1])))
    patches = enlarge(noise(frame.rng, (2, 4), 64, 64, 0.55), laid.shape[0], frame.size)
    return np.asarray(laid * (1 + np.float32(0.035) * patches)[..., None], np.float32)


def add_haze(surface: Field, haze: RGB, share: float) -> Field:
    """The far edge of the ground, by up to `share`, lost in the air."""
    down = np.linspace(0, 1, surface.shape[0], dtype=np.float32)[:, None, None]
    air = np.float32(share) * np.exp(-9 * down)
    return np.asarray(surface + (np.asarray(haze, np.float32) - surface) * air, np.float32)


def shaded_edge(surface: Field, share: float) -> Field:
    """Ground that darkens by `share` towards the wall that it meets."""
    down = np.linspace(0, 1, surface.shape[0], dtype=np.float32)[:, None, None]
    return np.asarray(surface * (1 - np.float32(share) * np.exp(-14 * down)), np.float32)


def blades(frame: Frame, surface: Field, dark: RGB, light: RGB) -> Field:
    """Single blades of grass over the ground, the longer the nearer they are."""
    out = np.asarray(np.clip(surface, 0, 255), np.uint8)  # OpenCV smooths lines on bytes only
    rows, size = out.shape[:2]
    bands, shades, count = 16, 6, 90
    tones = np.asarray(dark) * 0.9 + frame.rng.uniform(0, 1, (bands, shades, 1)) * (np.asarray(light) * 1.08 - dark)
    for band in range(bands):
        for tone in tones[band]:
            near = ((band + frame.rng.uniform(0, 1, count)) / bands) ** 1.6
            foot = np.stack([frame.rng.uniform(0, size, count), rows * near], 1)
            length = size * (0.006 + 0.04 * near) * frame.rng.uniform(0.5, 1.1, count)
            tip = foot + np.stack([length * frame.rng.normal(0, 0.35, count), -length], 1)
            lines = np.round(np.stack([foot, tip], 1) * 16).astype(np.int32)
            thick = max(round(size / 512), 1)
            cv2.polylines(out, list(lines), False, tone.tolist(), thick, cv2.LINE_AA, 4)  # 4 bits of subpixel
    return np.asarray(out, np.float32)
