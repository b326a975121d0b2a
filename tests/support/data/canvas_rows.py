"""Rows as they reach an inpainting backend."""

import numpy as np

from engine.rows.composition import Composition
from engine.seeds import derive

OBJECT = (slice(16, 40), slice(16, 40))


def row(index=0, *, size=64, prompt="in a garden"):
    """A red square before noise of its own; pixels are read-only, as in a pipeline."""
    noise = np.random.default_rng(index)
    foreground = np.zeros((size, size, 4), np.uint8)
    foreground[OBJECT] = (200, 30, 30, 255)
    mask = np.full((size, size), 255, np.uint8)
    mask[OBJECT] = 0
    background = noise.integers(0, 256, (size, size, 3), dtype=np.uint8)
    for pixels in (foreground, mask, background):
        pixels.flags.writeable = False
    return Composition(
        sample_id=f"{index:010d}", unit_id=0, seed=derive(7, index), background_prompt=prompt,
        background=background, foreground=foreground, repaint_mask=mask,
    )  # fmt: skip


def distance(one, other):
    """The largest difference of two pictures."""
    return int(np.abs(one.astype(int) - other).max())
