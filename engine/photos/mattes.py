"""Alpha mattes: from a mask to a soft edge, clean colours and a tight cut-out. Pure functions over uint8 pixels.

A mask is HxW, 0 or 255; an alpha is HxW, 0 to 255. Colours are RGB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import SampleError
from engine.rows.values import Pixels

Floats = NDArray[np.float32]
PixelBox = tuple[int, int, int, int]
"""left, top, right, bottom in pixels; right and bottom are exclusive."""

OPAQUE = 128  # from here on a pixel counts as object
CUT_SHARE = 0.02  # an object leaves the photo where it covers this share of a side; a mere touch is shorter
GUIDE_EPS = 1e-3  # of the guided filter: about 3 % of the way from background to foreground is noise
PRESENT = 0.5  # some pixel must more likely be object than not
TOUCHED = 0.1  # how decided a map is, is measured where a pixel is not plainly background
FUSION_RADII = (90, 6)  # px, as Forte and Germer 2021 propose


@dataclass(frozen=True, slots=True)
class Matte:
    """What a segmenter found: `alpha` HxW uint8 of the photo's size, `quality` 0 (a guess) to 1 (certain)."""

    alpha: Pixels
    quality: float


def require_object(p: Floats) -> None:
    """Refuse a map HxW of probabilities, 0 to 1, in which no pixel is more likely object than not.

    Raises:
        SampleError: NOTHING_TO_CUT.
    """
    if p.max() < PRESENT:
        raise SampleError(
            "NOTHING_TO_CUT",
            f"no object stands out: the surest pixel has probability {p.max():.2f}",
            fix="use a photo in which the subject stands out, or bring an RGBA cut-out",
        )


def to_matte(p: Floats) -> Matte:
    """A map HxW of probabilities, 0 to 1, as a matte; its quality is its `decidedness`."""
    return Matte(alpha=np.rint(p * 255).astype(np.uint8), quality=decidedness(p))


def decidedness(p: Floats) -> float:
    """The mean of |2p - 1| over all pixels with p > 0.1: 1 for a crisp object, towards 0 for a grey haze."""
    touched = p[p > TOUCHED]
    return float(np.abs(2 * touched - 1).mean()) if touched.size else 0.0


def largest_component(mask: Pixels) -> Pixels:
    """The biggest 8-connected region of a mask, without its holes; all 0 where the mask is empty."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask >= OPAQUE).astype(np.uint8))
    if count < 2:
        return np.zeros_like(mask)
    biggest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return fill_holes(np.where(labels == biggest, 255, 0).astype(np.uint8))


def fill_holes(mask: Pixels) -> Pixels:
    """Close every region that the mask encloses; what reaches the border of the photo stays open."""
    outside = cv2.copyMakeBorder(255 - mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=255)
    _, labels = cv2.connectedComponents((outside >= OPAQUE).astype(np.uint8), connectivity=4)
    holes = (labels != labels[0, 0]) & (outside >= OPAQUE)
    return np.where(holes[1:-1, 1:-1], 255, mask).astype(np.uint8)


def convex_hull(mask: Pixels) -> NDArray[np.bool_]:
    """HxW, true inside the convex hull of everything in the mask."""
    hull = np.zeros_like(mask)
    points = cv2.findNonZero(mask)
    if points is not None:
        cv2.fillConvexPoly(hull, cv2.convexHull(points), 255)
    return hull > 0


def overlap(one: Pixels, other: Pixels) -> float:
    """Intersection over union of two masks, 0 to 1; 0 where both are empty."""
    return float(np.count_nonzero(one & other) / max(int(np.count_nonzero(one | other)), 1))


def tight_box(alpha: Pixels, least: int = 1) -> PixelBox | None:
    """The box of all pixels with an alpha of `least` or more; None where there are none."""
    rows, columns = np.flatnonzero((alpha >= least).any(1)), np.flatnonzero((alpha >= least).any(0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def cut_borders(alpha: Pixels) -> tuple[str, ...]:
    """The sides of the photo at which the object runs out of it, of "left", "top", "right", "bottom".

    A side counts where object pixels (alpha >= 128) cover at least 2 % of its length, and 3 px.
    """
    sides = {"left": alpha[:, 0], "top": alpha[0], "right": alpha[:, -1], "bottom": alpha[-1]}
    return tuple(
        name for name, line in sides.items() if np.count_nonzero(line >= OPAQUE) >= max(3, CUT_SHARE * line.size)
    )


def guided_filter(guide: Floats, source: Floats, radius: int, eps: float = GUIDE_EPS) -> Floats:
    """Smooth `source` along the edges of `guide` (He, Sun, Tang 2010, eqs. 5, 6 and 8).

    Args:
        guide: HxW, 0 to 1.
        source: HxW, 0 to 1.
        radius: of the window, px.
        eps: variance of the guide below which an edge is noise.
    """
    guide_mean, source_mean = _mean(guide, radius), _mean(source, radius)
    covariance = _mean(guide * source, radius) - guide_mean * source_mean
    variance = _mean(guide * guide, radius) - guide_mean * guide_mean
    slope = np.asarray(covariance / (variance + eps), np.float32)
    offset = source_mean - slope * guide_mean
    return _mean(slope, radius) * guide + _mean(offset, radius)


def soft_edge(photo: Pixels, mask: Pixels, band: int) -> Pixels:
    """An alpha that follows the photo within `band` px of the mask's contour and equals the mask elsewhere.

    The guide is each pixel's place on the line from the local background colour to the local foreground colour, the
    one channel in which the two differ most.

    Args:
        photo: HxWx3.
        mask: HxW, 0 or 255.
        band: half width of the soft zone, px, at least 1.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    surely_in = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=255)
    surely_out = cv2.bitwise_not(cv2.dilate(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0))
    colors = np.divide(photo, 255, dtype=np.float32)
    inner = _mean_where(colors, surely_in, 3 * band)
    outer = _mean_where(colors, surely_out, 3 * band)
    line = inner - outer
    place = np.clip(((colors - outer) * line).sum(2) / ((line * line).sum(2) + GUIDE_EPS), 0, 1).astype(np.float32)
    alpha = guided_filter(place, np.divide(mask, 255, dtype=np.float32), band)
    alpha = np.clip((alpha - 0.1) / 0.8, 0, 1)  # the filter leaves a veil of up to 10 % on both sides
    alpha = np.where(surely_in == 255, 1, np.where(surely_out == 255, 0, alpha))
    return np.rint(alpha * 255).astype(np.uint8)


def foreground_colors(photo: Pixels, alpha: Pixels) -> Pixels:
    """The object's own colours, with the background's share taken out of every half-covered pixel.

    Blur fusion (Forte and Germer, "Approximate Fast Foreground Colour Estimation", ICIP 2021), twice:
    a wide pass finds plausible colours, a narrow one fits them to the photo. Opaque pixels stay exactly as they are.

    Args:
        photo: HxWx3.
        alpha: HxW.

    Returns:
        HxWx3 uint8.
    """
    image = photo.astype(np.float32)
    opacity = np.divide(alpha, 255, dtype=np.float32)[..., None]
    front, back = image, image
    for radius in FUSION_RADII:
        front, back = _fuse(image, front, back, opacity, radius)
    return np.where(alpha[..., None] == 255, photo, np.rint(front)).astype(np.uint8)


def cut_out(photo: Pixels, alpha: Pixels) -> Pixels:
    """The tight RGBA crop of an object, straight alpha, edge colours decontaminated, fully clear pixels black.

    Args:
        photo: HxWx3.
        alpha: HxW, not all 0.
    """
    box = tight_box(alpha)
    if box is None:
        raise ValueError("the alpha is empty")
    x0, y0, x1, y1 = box
    margin = 2 * FUSION_RADII[-1]  # enough background to estimate its colour
    top, left = max(y0 - margin, 0), max(x0 - margin, 0)
    near = slice(top, y1 + margin), slice(left, x1 + margin)
    colors = foreground_colors(photo[near], alpha[near])[y0 - top : y1 - top, x0 - left : x1 - left]
    opacity = alpha[y0:y1, x0:x1, None]
    return np.concatenate([np.where(opacity > 0, colors, 0).astype(np.uint8), opacity], axis=2)


def _fuse(image: Floats, front: Floats, back: Floats, opacity: Floats, radius: int) -> tuple[Floats, Floats]:
    inner = _mean(front * opacity, radius) / (_mean(opacity, radius)[..., None] + 1e-5)
    outer = _mean(back * (1 - opacity), radius) / (_mean(1 - opacity, radius)[..., None] + 1e-5)
    unexplained = image - opacity * inner - (1 - opacity) * outer
    return np.clip(inner + opacity * unexplained, 0, 255), outer


def _mean(values: Floats, radius: int) -> Floats:
    return cast("Floats", cv2.boxFilter(values, -1, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT))


def _mean_where(colors: Floats, mask: Pixels, radius: int) -> Floats:
    """Local mean colour of the pixels in `mask`; the whole mask's mean where none is near."""
    chosen = (mask == 255).astype(np.float32)
    weight = _mean(chosen, radius)[..., None]
    overall = (colors * chosen[..., None]).sum((0, 1)) / max(float(chosen.sum()), 1.0)
    near = _mean(colors * chosen[..., None], radius) / np.maximum(weight, 1e-6)
    return np.where(weight > 1e-4, near, overall).astype(np.float32)
