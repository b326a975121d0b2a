"""Cut-outs onto a canvas: one foreground with alpha, one mask per object, and the mask of what may be repainted.

Alpha is applied once, in premultiplied float, and divided out again at the end: an edge pixel keeps its own colour and
weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.compose import harmonise
from engine.compose.harmonise import NEUTRAL, Tint
from engine.errors import SampleError
from engine.geometry import Box
from engine.photos.images import resize
from engine.rows.composition import Placement
from engine.rows.values import Pixels

_SLACK = 1e-6  # boxes come out of float arithmetic; this much outside the canvas is the edge


@dataclass(frozen=True, slots=True)
class Pasted:
    """What `paste` makes, uint8.

    `foreground` HxWx4: every object, straight alpha. `layers`: HxW soft alpha of each object after occlusion, in the
    order of the placements. `repaint_mask` HxW: 255 = repaint. `tints`: one per placement.
    """

    foreground: Pixels
    layers: tuple[Pixels, ...]
    repaint_mask: Pixels
    tints: tuple[Tint, ...]


def paste(
    background: Pixels,
    cutouts: Sequence[Pixels],
    placements: Sequence[Placement],
    *,
    tinted: bool = True,
    margin_px: int = 0,
) -> Pasted:
    """Place every cut-out in its box, far to near.

    Args:
        background: SxSx3; gives the size and the light.
        cutouts: RGBA, straight alpha, one per placement.
        placements: far to near.
        tinted: match light and colour to the background.
        margin_px: grow the repaint mask (`255 - alpha`) this many pixels into the objects; `restore` covers them again.

    Raises:
        SampleError: PLACEMENT_OUTSIDE.
    """
    size = background.shape[0]
    color = np.zeros((size, size, 3), np.float32)  # premultiplied, 0..255
    cover = np.zeros((size, size, 1), np.float32)  # 0..1
    layers: list[NDArray[np.float32]] = []
    tints = []
    for cutout, placement in zip(cutouts, placements, strict=True):
        rows, columns = window(placement, size)
        patch = fit_cutout(cutout, placement, size)
        tint = _tint(patch, background, rows, columns) if tinted else NEUTRAL
        alpha = patch[..., 3:].astype(np.float32) / 255.0
        color[rows, columns] *= 1.0 - alpha
        color[rows, columns] += harmonise.apply(patch[..., :3].astype(np.float32), tint) * alpha
        cover[rows, columns] += alpha * (1.0 - cover[rows, columns])
        for layer in layers:
            layer[rows, columns] *= 1.0 - alpha[..., 0]
        layers.append(np.zeros((size, size), np.float32))
        layers[-1][rows, columns] = alpha[..., 0]
        tints.append(tint)
    masks, foreground = tuple(_to_bytes(layer * 255.0) for layer in layers), _straight(color, cover)
    return Pasted(foreground, masks, _repaint_mask(foreground[..., 3], margin_px), tuple(tints))


def window(placement: Placement, size: int) -> tuple[slice, slice]:
    """Rows and columns of the placement's box on a canvas of `size` pixels.

    Raises:
        SampleError: PLACEMENT_OUTSIDE; a box may touch the edge of the canvas but not pass it.
    """
    if min(placement.box) < -_SLACK or max(placement.box) > 1.0 + _SLACK:
        raise SampleError(
            "PLACEMENT_OUTSIDE",
            f"the box {placement.box} leaves the canvas",
            where=placement.cutout_id,
            fix="lay it out again",
        )
    return box_window(placement.box, size)


def box_window(box: Sequence[float], size: int) -> tuple[slice, slice]:
    """Rows and columns of what of a box (xyxy in 0..1) lies on a canvas of `size` pixels, at least one of each."""
    x0, y0, x1, y1 = Box(*(min(max(float(value), 0.0), 1.0) for value in box)).pixels(size)
    x0, y0 = min(x0, size - 1), min(y0, size - 1)
    return slice(y0, min(y1, size)), slice(x0, min(x1, size))


def fit_cutout(cutout: Pixels, placement: Placement, size: int) -> Pixels:
    """The cut-out in the pixels of its box, mirrored where the placement says so; straight RGBA."""
    rows, columns = window(placement, size)
    facing = cutout[:, ::-1] if placement.flip else cutout
    return resize(np.ascontiguousarray(facing), columns.stop - columns.start, rows.stop - rows.start)


def over(foreground: Pixels, background: Pixels) -> Pixels:
    """Straight RGBA over RGB, both of one size. Where alpha is 255 the foreground is kept bit by bit."""
    alpha = foreground[..., 3:].astype(np.float32) / 255.0
    below = background.astype(np.float32)
    return _to_bytes(below + (foreground[..., :3].astype(np.float32) - below) * alpha)


def crop_square(photo: Pixels, ground_line: float, size: int) -> Pixels:
    """A background photo as `size` x `size` x 3, cropped, never squashed, its ground line where it was.

    A landscape photo loses its sides evenly. A portrait photo of height h and width w keeps w rows from row
    (h - w) * ground_line on: the one window in which the line lies at the same share of the height, so a layout that
    was made for the photo holds for the crop.
    """
    height, width = photo.shape[:2]
    side = min(height, width)
    top = round((height - side) * min(max(ground_line, 0.0), 1.0))
    left = (width - side) // 2
    square = np.ascontiguousarray(photo[top : top + side, left : left + side, :3])
    return resize(square, size, size)


def _tint(patch: Pixels, background: Pixels, rows: slice, columns: slice) -> Tint:
    """Light is read around the object: half its height above, and half its width to each side."""
    tall, wide = (rows.stop - rows.start) // 2, (columns.stop - columns.start) // 2
    around = background[
        max(rows.start - tall, 0) : rows.stop + tall, max(columns.start - wide, 0) : columns.stop + wide
    ]
    return harmonise.match(patch, background, around)


def _straight(color: NDArray[np.float32], cover: NDArray[np.float32]) -> Pixels:
    """RGBA with the alpha divided out of the colours."""
    rgb = np.divide(color, np.maximum(cover, 1.0 / 255.0), dtype=np.float32)
    return np.concatenate([_to_bytes(rgb), _to_bytes(cover * 255.0)], axis=-1)


def _repaint_mask(union: Pixels, margin_px: int) -> Pixels:
    mask = np.asarray(255 - union, np.uint8)
    if margin_px == 0:
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin_px + 1, 2 * margin_px + 1))
    return np.asarray(cv2.dilate(mask, disc), np.uint8)


def _to_bytes(values: NDArray[np.float32]) -> Pixels:
    return np.asarray(np.clip(values + 0.5, 0.0, 255.0), np.uint8)
