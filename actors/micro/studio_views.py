"""Toys without their surroundings, as on a photographer's paper backdrop: what classes are learned from first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from actors.micro.views import WHOLE, on_color, render_view
from engine.rows.values import Pixels
from engine.toybox.sets import ToySet

SLACK = 0.08, 0.45  # of the longer side of its box around a toy
PAPER = 70, 240  # the backdrop's grey
TINT = 12  # deviation of its channels from that


def alone(photos: ToySet, index: int, side: int, draw: np.random.Generator) -> tuple[Pixels, NDArray[np.float32]]:
    """The toy of photo `index` on a backdrop of one colour, `side` x `side` x 3, and its box, xyxy in 0..1."""
    picture, mask, box = photos.images[index], photos.masks[index], photos.boxes[index, 0] * photos.masks.shape[1]
    low, high = box[:2], box[2:]
    extent = float((high - low).max()) * (1 + float(draw.uniform(*SLACK)))
    corner = (low + high - extent) / 2 + draw.uniform(-0.5, 0.5, 2) * SLACK[0] * extent
    left, top, size = round(float(corner[0])), round(float(corner[1])), max(round(extent), 8)
    color = np.clip(draw.uniform(*PAPER) + draw.normal(0, TINT, 3), 0, 255).astype(np.int64)
    view = on_color(_cut(picture, left, top, size), _cut(mask, left, top, size), color)
    mirrored = bool(draw.random() < 0.5)
    x0, y0, x1, y1 = (np.concatenate([low, high]) - [left, top, left, top]) / size
    place = (1 - x1, y0, 1 - x0, y1) if mirrored else (x0, y0, x1, y1)
    return render_view(view, WHOLE, side, mirrored=mirrored), np.clip(place, 0, 1).astype(np.float32)


def _cut(pixels: Pixels, left: int, top: int, size: int) -> Pixels:
    """A square of an HxW or HxWxC array, zero where it lies beyond the edges."""
    height, width = pixels.shape[:2]
    out = np.zeros((size, size, *pixels.shape[2:]), np.uint8)
    y0, y1, x0, x1 = max(top, 0), min(top + size, height), max(left, 0), min(left + size, width)
    out[y0 - top : y1 - top, x0 - left : x1 - left] = pixels[y0:y1, x0:x1]
    return out
