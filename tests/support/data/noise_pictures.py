"""A ToySet of noise: coloured squares that are their classes."""

import numpy as np

from engine.toybox.sets import ToySet


def noise_set(count=24, views=2, seed=0):
    """`count` pictures, `views` in a row of each instance."""
    draw = np.random.default_rng(seed)
    numbers = np.arange(count) // views
    images = draw.integers(0, 256, (count, 256, 256, 3), dtype=np.uint8)
    masks = np.zeros((count, 256, 256), np.uint8)
    masks[:, 64:192, 80:176] = 255
    rows = np.full((count, 5), -1)
    rows[:, 0] = numbers
    boxes = np.zeros((count, 5, 4), np.float32)
    boxes[:, 0] = (80 / 256, 64 / 256, 176 / 256, 192 / 256)
    return ToySet(
        images=images,
        masks=masks,
        counts=np.ones(count, np.int8),
        boxes=boxes,
        classes=np.where(rows >= 0, rows % 3, -1).astype(np.int16),
        instances=rows.astype(np.int32),
        scenes=(np.arange(count) % 4).astype(np.int16),
        seed=seed,
    )
