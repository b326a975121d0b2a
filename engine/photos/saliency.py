"""Where a photo differs from its own border, and how well a contour parts colours. No model, pure functions.

Colours are HxWx3 float32 CIE Lab with L from 0 to 100; maps are HxW float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.photos.mattes import Floats
from engine.rows.values import Pixels

Bools = NDArray[np.bool_]

SIDES = ("left", "top", "right", "bottom")


def rim(shape: Sequence[int], sides: Sequence[str], depth: int) -> Bools:
    """HxW, true within `depth` px of the named sides."""
    mask = np.zeros(shape[:2], np.bool_)
    parts: dict[str, tuple[slice, ...]] = {
        "left": np.s_[:, :depth],
        "top": np.s_[:depth, :],
        "right": np.s_[:, -depth:],
        "bottom": np.s_[-depth:, :],
    }
    for side in sides:
        mask[parts[side]] = True
    return mask


def stretch(values: Floats) -> Floats:
    """The 1st to 99th percentile as 0 to 1."""
    low, high = np.percentile(values, (1, 99))
    return np.asarray(np.clip((values - low) / max(float(high - low), 1e-6), 0, 1), np.float32)


def centre_weight(shape: Sequence[int], centre: float) -> Floats:
    """A bell over the frame, 1 in the middle at height `centre` (0 to 1): people aim at their subject."""
    height, width = shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    spread = 2 * (0.45 * width) ** 2, 2 * (0.45 * height) ** 2
    return np.asarray(np.exp(-((x - width / 2) ** 2 / spread[0] + (y - height * centre) ** 2 / spread[1])), np.float32)


def barrier_distance(lab: Floats, seeds: Bools, rounds: int = 3) -> Floats:
    """The least range of colours that any path from a seed to the pixel must cross, summed over channels.

    The minimum barrier distance of Zhang et al., "Minimum Barrier Salient Object Detection at 80 FPS", ICCV 2015, with
    sweeps over whole rows and columns in place of a raster scan.

    Args:
        lab: HxWx3.
        seeds: HxW, where the distance is 0.
        rounds: of four sweeps; three reach every pixel in practice.
    """
    high, low = lab.copy(), lab.copy()
    distance = np.where(seeds, 0.0, np.inf).astype(np.float32)
    for _ in range(rounds):
        for axis in (0, 1):
            views = [np.moveaxis(array, axis, 0) for array in (lab, high, low, distance)]
            _sweep([view[::1] for view in views])
            _sweep([view[::-1] for view in views])
    return distance


def unlike_sides(lab: Floats, sides: Sequence[str]) -> Floats:
    """Mahalanobis distance to the colours of each side, summed; the farthest side is left out.

    From the same paper: the subject may lie on one side, whose colours then say nothing about the background.
    """
    depth = max(3, lab.shape[0] // 12)
    distances = [np.sqrt(_mahalanobis(lab, lab[rim(lab.shape, (side,), depth)], 4.0)) for side in sides]
    scaled = np.stack([distance / max(float(distance.max()), 1e-6) for distance in distances])
    return np.asarray(scaled.sum(0) - scaled.max(0), np.float32)


def unlike_clusters(lab: Floats, clusters: int = 6) -> Floats:
    """Distance to the nearest of the colours that make up the border."""
    border = lab[rim(lab.shape, SIDES, max(2, round(0.04 * max(lab.shape))))]
    cv2.setRNGSeed(7)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 15, 0.5)
    _, labels, _ = cv2.kmeans(border, min(clusters, len(border)), None, stop, 1, cv2.KMEANS_PP_CENTERS)
    members = [border[labels[:, 0] == index] for index in range(clusters)]
    near = [_mahalanobis(lab, colors, 9.0) for colors in members if len(colors) > max(3, 0.02 * len(border))]
    return np.asarray(np.sqrt(np.min(near, axis=0)), np.float32)


def edge_sharpness(lab: Floats, mask: Pixels) -> float:
    """The step seen from near over the step seen from farther away: about 1 at an edge, 0.45 on an even gradient."""
    return float(contour_steps(lab, mask, 5).mean() / max(float(contour_steps(lab, mask).mean()), 1e-6))


def contour_steps(lab: Floats, mask: Pixels, window: int = 11) -> Floats:
    """For each pixel of the contour, how far apart (CIE76) the mean colours of its two sides are within `window` px."""
    inside = (mask > 0).astype(np.float32)
    front, back = (
        cv2.boxFilter(lab * side[..., None], -1, (window, window), normalize=False)
        / np.maximum(cv2.boxFilter(side, -1, (window, window), normalize=False), 1)[..., None]
        for side in (inside, 1 - inside)
    )
    edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    return np.asarray(np.linalg.norm(front - back, axis=2)[edge], np.float32)


def _sweep(views: Sequence[Floats]) -> None:
    """Carry the best path of each line to the next; writes into the last three views."""
    lab, high, low, distance = views
    for line in range(1, len(lab)):
        top, bottom = np.maximum(high[line - 1], lab[line]), np.minimum(low[line - 1], lab[line])
        barrier = (top - bottom).sum(1)
        better = barrier < distance[line]
        distance[line][better] = barrier[better]
        high[line][better] = top[better]
        low[line][better] = bottom[better]


def _mahalanobis(lab: Floats, colors: Floats, noise: float) -> Floats:
    """Squared distance to a colour distribution to whose variance `noise` is added."""
    inverse = np.linalg.inv(np.cov(colors.T) + noise * np.eye(3))
    offset = lab - colors.mean(0)
    return np.asarray(np.maximum(((offset @ inverse) * offset).sum(2), 0), np.float32)
