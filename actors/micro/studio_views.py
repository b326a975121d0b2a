"""Toys without their surroundings, as on a photographer's paper backdrop: what the generator learns classes from."""

from __future__ import annotations

import numpy as np

from actors.micro.views import on_color, seen
from engine.records import Pixels
from engine.seeds import rng
from engine.toybox.sets import ToySet

SLACK = 0.08, 0.45  # of the longer side of its box around a toy
PAPER = 70, 240  # the backdrop's grey
TINT = 12  # deviation of its channels from that


def alone(photos: ToySet, index: int, side: int) -> Pixels:
    """The toy of photo `index` on a backdrop of one colour, `side` x `side` x 3; the view depends on both alone."""
    draw = rng(photos.seed, "alone", f"{index}/{side}")
    picture, mask, box = photos.images[index], photos.masks[index], photos.boxes[index, 0]
    height, width = mask.shape
    longer = max((box[2] - box[0]) * width, (box[3] - box[1]) * height) * (1 + float(draw.uniform(*SLACK)))
    shift = draw.uniform(-0.5, 0.5, 2) * SLACK[0] * longer
    left = (box[0] + box[2]) / 2 * width - longer / 2 + shift[0]
    top = (box[1] + box[3]) / 2 * height - longer / 2 + shift[1]
    margin = max(height, width) // 2  # windows reach beyond the picture's edge
    edges = ((margin, margin), (margin, margin))
    window = tuple(
        float((edge + margin) / (size + 2 * margin))
        for edge, size in ((left, width), (top, height), (left + longer, width), (top + longer, height))
    )
    color = np.clip(draw.uniform(*PAPER) + draw.normal(0, TINT, 3), 0, 255).astype(np.int64)
    padded = on_color(np.pad(picture, (*edges, (0, 0))), np.pad(mask, edges), color)
    return seen(padded, (window[0], window[1], window[2], window[3]), side, mirrored=bool(draw.random() < 0.5))
