"""A photo without its subject: a square of it in which the hole is filled from what lies around."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engine.compose.fill_hole import fill_hole
from engine.geometry import Box
from engine.photos.images import resize
from engine.rows.values import Pixels

_HALO = 0.02  # of the side: the light edge that a matte leaves
_SHADOW = 0.03  # of the side: what lies in its shadow below it


@dataclass(frozen=True, slots=True)
class Emptied:
    """`pixels` SxSx3, and the box in it, xyxy in 0..1, where the subject stood."""

    pixels: Pixels
    box: Box


def square_around(height: int, width: int, box: Box) -> tuple[int, int, int]:
    """Top, left and side, in pixels, of the largest square of a photo; it holds `box` (0..1) where one can.

    It lies in the middle, and is moved no farther than the box asks.
    """
    side = min(height, width)
    top = _shift((height - side) // 2, height - side, box.y0 * height, box.y1 * height - side)
    left = _shift((width - side) // 2, width - side, box.x0 * width, box.x1 * width - side)
    return top, left, side


def _shift(middle: int, most: int, latest: float, earliest: float) -> int:
    return min(max(min(max(middle, int(np.ceil(earliest))), int(latest)), 0), most)


def take_out(photo: Pixels, subject: Pixels, box: Box, size: int) -> Emptied:
    """The square around a subject without the subject.

    Args:
        photo: HxWx3.
        subject: HxW, 0..255, the matte of what is taken out.
        box: of the subject in the photo, xyxy in 0..1.
        size: pixels, the side of what comes out.
    """
    height, width = photo.shape[:2]
    top, left, side = square_around(height, width, box)
    window = slice(top, top + side), slice(left, left + side)
    square = resize(np.ascontiguousarray(photo[window]), size, size)
    hole = _hole(resize(np.ascontiguousarray(subject[window]), size, size))
    x0, x1 = ((value * width - left) / side for value in (box.x0, box.x1))
    y0, y1 = ((value * height - top) / side for value in (box.y0, box.y1))
    return Emptied(fill_hole(square, hole), Box(max(x0, 0.0), max(y0, 0.0), min(x1, 1.0), min(y1, 1.0)))


def _hole(subject: Pixels) -> Pixels:
    """255 where the photo is to be forgotten: the subject, its halo, and the darkest of its shadow."""
    size = subject.shape[0]
    halo, shadow = round(_HALO * size), round(_SHADOW * size)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * halo + 1, 2 * halo + 1))
    grown = cv2.dilate(np.where(subject > 8, np.uint8(255), np.uint8(0)), disc)
    flat = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (4 * shadow + 1, 2 * shadow + 1))
    low = cv2.dilate(grown, flat)
    low[: int(np.flatnonzero(grown.any(1)).max(initial=0) * 0.85)] = 0
    return np.asarray(np.maximum(grown, low), np.uint8)
