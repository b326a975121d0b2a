"""A hole in a photo, filled with pieces of the same photo.

Exemplar-based inpainting as of Criminisi, Perez and Toyama, "Region Filling and Object Removal by Exemplar-Based Image
Inpainting" (2004): piece by piece from the rim inwards, each the one that fits best to what is known around it. Pieces
come from about the same height, since grounds are seen in perspective and horizons lie level.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.rows.values import Pixels

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_COARSE = 128  # px, the side at which pieces are chosen; they are copied at full size
_HALF = 4  # px there: pieces of 9 x 9
_BAND = 14  # rows there, above and below, from which a piece may come
_LEVEL = 18.0  # of 255: how much worse a piece from `_BAND` rows away must fit
_CALM = 2.5  # px there: colours that are smoother than this are those of the coarse picture, which hides joints


def fill_hole(picture: Pixels, hole: Pixels) -> Pixels:
    """The picture with its hole filled; some 0.2 s for a third of it, whatever its size.

    Args:
        picture: SxSx3.
        hole: SxS, not 0 where the picture is to be forgotten.
    """
    if not hole.any():
        return picture
    size = picture.shape[0]
    small = cv2.resize(picture, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA).astype(np.float32)
    unknown = cv2.resize(hole, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA) > 0
    origin = _choose_pieces(small, unknown.copy())
    coarse = small[origin[..., 0], origin[..., 1]]
    calm = cv2.resize(cv2.GaussianBlur(coarse, (0, 0), _CALM), (size, size), interpolation=cv2.INTER_CUBIC)
    fine = _copy(_texture(picture, hole), origin)
    soft = cv2.GaussianBlur(np.where(hole > 0, np.float32(1), np.float32(0)), (0, 0), max(size / 200, 0.8))[..., None]
    filled = picture + (calm + fine - picture) * soft
    return np.asarray(np.clip(filled + 0.5, 0, 255), np.uint8)


def _choose_pieces(small: Floats, unknown: Mask) -> NDArray[np.int32]:
    """Of each coarse pixel, CxCx2, row and column of the pixel that is copied to it; of known ones their own."""
    side = small.shape[0]
    origin = _places(side)
    picture = small.copy()
    sources = _whole_pieces(~unknown)
    while unknown.any():
        row, column = _next_piece(unknown)
        here = slice(row - _HALF, row + _HALF + 1), slice(column - _HALF, column + _HALF + 1)
        known = ~unknown[here]
        from_row, from_column = _best_piece(picture, sources, here, known, row)
        there = (
            slice(from_row - _HALF, from_row + _HALF + 1),
            slice(from_column - _HALF, from_column + _HALF + 1),
        )
        origin[here][~known] = origin[there][~known]
        picture[here][~known] = picture[there][~known]
        unknown[here] = False
    return origin


def _whole_pieces(known: Mask) -> Mask:
    """Where the middle of a piece may lie that is known all over; anywhere inside where there is none."""
    whole = cv2.erode(known.astype(np.uint8), np.ones((2 * _HALF + 1,) * 2, np.uint8), borderValue=0) > 0
    return np.asarray(whole if whole.any() else np.ones_like(known), np.bool_)


def _next_piece(unknown: Mask) -> tuple[int, int]:
    """The middle of the piece on the rim of which most is known."""
    share = cv2.blur((~unknown).astype(np.float32), (2 * _HALF + 1,) * 2, borderType=cv2.BORDER_REFLECT)
    share[~unknown] = -1
    inside = slice(_HALF, unknown.shape[0] - _HALF)
    at = int(np.argmax(share))
    row, column = divmod(at, unknown.shape[1])
    return min(max(row, inside.start), inside.stop - 1), min(max(column, inside.start), inside.stop - 1)


def _best_piece(picture: Floats, sources: Mask, here: tuple[slice, slice], known: Mask, row: int) -> tuple[int, int]:
    """Row and column of the middle of the piece that fits best to what is known of the one `here`."""
    rows = slice(max(row - _BAND - _HALF, 0), min(row + _BAND + _HALF + 1, picture.shape[0]))
    if not sources[rows.start + _HALF : rows.stop - _HALF].any():
        rows = slice(0, picture.shape[0])
    mask = np.repeat(known[..., None], 3, axis=2).astype(np.float32)
    errors = cv2.matchTemplate(picture[rows], picture[here], cv2.TM_SQDIFF, mask=mask)
    middles = np.arange(rows.start + _HALF, rows.stop - _HALF)
    per_pixel = errors / max(float(mask.sum()), 1.0)
    per_pixel += ((middles - row)[:, None] / _BAND * _LEVEL) ** 2
    per_pixel[~sources[middles][:, _HALF : picture.shape[1] - _HALF]] = np.inf
    found = int(np.argmin(per_pixel))
    return int(middles[found // errors.shape[1]]), found % errors.shape[1] + _HALF


def _texture(picture: Pixels, hole: Pixels) -> Floats:
    """What is finer than `_CALM`; of colours the hole has no part in it."""
    known = np.where(hole > 0, np.float32(0), np.float32(1))
    width = _CALM * picture.shape[0] / _COARSE
    share = np.maximum(cv2.GaussianBlur(known, (0, 0), width), 1e-3)[..., None]
    mean = cv2.GaussianBlur(picture * known[..., None], (0, 0), width) / share
    return np.asarray((picture - mean) * known[..., None], np.float32)


def _copy(picture: Floats, origin: NDArray[np.int32]) -> Floats:
    """The picture with every pixel taken from where its coarse pixel is taken from."""
    size, side = picture.shape[0], origin.shape[0]
    shift = (origin - _places(side)).astype(np.float32) * (size / side)
    wide = cv2.resize(shift, (size, size), interpolation=cv2.INTER_NEAREST)
    rows_columns = _places(size).astype(np.float32) + wide
    return np.asarray(
        cv2.remap(picture, rows_columns[..., 1], rows_columns[..., 0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT),
        np.float32,
    )


def _places(side: int) -> NDArray[np.int32]:
    """Row and column of every pixel, side x side x 2."""
    return np.moveaxis(np.indices((side, side), np.int32), 0, -1)
