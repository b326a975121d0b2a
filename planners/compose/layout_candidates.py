"""Many layouts at once, as arrays over candidates x objects: drawn in perspective, the best one found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planners.compose.anchors import Footing
from planners.compose.layout_rules import GROUND_MARGIN, STAND_IN, perspective

Array = NDArray[np.float64]

CANDIDATES = 64
NEAREST = 0.97
DEEPEST = 0.6  # objects use the near 60 % of the ground; beyond it perspective would dwarf them
TOP_MARGIN = 0.04
SIDE_MARGINS = 0.02, 0.07
TOTAL_AREA = 0.24, 0.43
"""Of the canvas; six published compositions hold 8 to 23 % in opaque pixels alone."""
WIDEST = 0.62
TANGENT = 0.015
"""Edges that meet look pasted: apart or overlapping reads as depth."""
LEAST_OF_STAND = 0.75
"""What stands where something else stood is made smaller only for want of room: it hides the hole."""
BEHIND_STAND = 0.08
RIDER_WIDTH = 0.75
"""Of its supporter's: what stands on something is narrower."""


@dataclass(frozen=True, slots=True)
class LayoutTask:
    """The cast as arrays over its n objects, and what was drawn once for the whole layout."""

    aspect: Array
    ratio: Array
    shortest_long_side: Array
    """Of the smallest allowed box."""
    borders: tuple[frozenset[str], ...]
    flips: tuple[bool, ...]
    rider: int | None
    carrier: int
    ground: float
    stand: Footing | None = None
    """Of the first object, where it is settled."""
    stand_shrinks: bool = False


@dataclass(frozen=True, slots=True)
class Candidates:
    """Many layouts at once: each array is candidates x objects."""

    x0: Array
    y0: Array
    x1: Array
    y1: Array
    base: Array
    """Where the object's pile meets the ground: sorts far to near."""


def draw_candidates(draw: np.random.Generator, task: LayoutTask, scale: float) -> Candidates:
    """Draw 64 layouts of the cast, `scale` times as large as they could be."""
    base = _bases(draw, task)
    width, height = _sizes(draw, task, base, scale)
    x0 = _columns(draw, task, width)
    y1 = base.copy()
    if task.rider is not None:
        rider, carrier = task.rider, task.carrier
        room = np.maximum(width[:, carrier] - width[:, rider], 0.0)
        x0[:, rider] = x0[:, carrier] + room * draw.uniform(0.1, 0.9, CANDIDATES)
        y1[:, rider] = base[:, carrier] - (1 - STAND_IN) * height[:, carrier]
    return Candidates(x0, y1 - height, x0 + width, y1, base)


def _bases(draw: np.random.Generator, task: LayoutTask) -> Array:
    """Where each touches the ground: in layers of depth, tall ones rather behind, never all in one row."""
    count = len(task.aspect)
    tallness = task.ratio * np.minimum(1.0, 1 / task.aspect)
    front_to_back = np.argsort(np.argsort(-tallness + draw.normal(0.0, 0.25, (CANDIDATES, count)), axis=1), axis=1)
    layer = (front_to_back + draw.uniform(0.1, 0.9, (CANDIDATES, count))) / count
    spread = draw.uniform(0.5, 1.0, (CANDIDATES, 1))
    position = draw.uniform(0.3, 1.0, (CANDIDATES, 1)) * (1 - spread) + spread * layer
    near_part = DEEPEST * (NEAREST - task.ground)
    farthest = max(NEAREST - near_part, task.ground + GROUND_MARGIN)
    if task.stand is not None:  # there is ground where it stood; how far it goes on behind, nobody knows
        farthest = min(max(farthest, task.stand.base - BEHIND_STAND), NEAREST)
    base = farthest + (NEAREST - farthest) * position
    for number, borders in enumerate(task.borders):
        if "bottom" in borders:
            base[:, number] = 1.0
    if task.rider is not None:
        base[:, task.rider] = base[:, task.carrier]
    if task.stand is not None:
        base[:, 0] = task.stand.base
    return base


def _sizes(draw: np.random.Generator, task: LayoutTask, base: Array, scale: float) -> tuple[Array, Array]:
    """Widths and heights: one scale for all, as large as the drawn total area and the canvas allow."""
    wide, tall = np.minimum(1.0, task.aspect), np.minimum(1.0, 1 / task.aspect)
    long_side = task.ratio * perspective(base, task.ground, NEAREST)
    total = draw.uniform(*TOTAL_AREA, (CANDIDATES, 1))
    by_area = np.sqrt(total / (long_side**2 * wide * tall).sum(axis=1, keepdims=True))
    headroom = base - TOP_MARGIN
    stack = long_side * tall
    if task.rider is not None:
        stack[:, task.carrier] += stack[:, task.rider]
    largest = np.minimum(headroom / stack, WIDEST / (long_side * wide)).min(axis=1, keepdims=True)
    as_large = np.minimum(by_area, largest) * scale
    if task.stand is not None:
        least = scale if task.stand_shrinks else LEAST_OF_STAND
        as_large = task.stand.long_side / long_side[:, :1] * max(scale, least)
    long_side = np.maximum(long_side * as_large, task.shortest_long_side)
    return long_side * wide, long_side * tall


def _columns(draw: np.random.Generator, task: LayoutTask, width: Array) -> Array:
    """Left edges: a random order from left to right, the free room (or the overlap) shared out between neighbours."""
    count = width.shape[1]
    width = width.copy()
    key = draw.random(width.shape)
    for number, borders in enumerate(task.borders):
        key[:, number] += ("right" in borders) * 2.0 - ("left" in borders) * 2.0
    if task.stand is not None:
        return _to_borders(_beside_stand(draw, task.stand, width), width, task.borders)
    if task.rider is not None:
        width[:, task.rider] = 0.0  # it takes no ground
    order = np.argsort(key, axis=1)
    in_order = np.take_along_axis(width, order, axis=1)
    share = draw.gamma(2.0, size=(CANDIDATES, count + 1))
    margins = draw.uniform(*SIDE_MARGINS, (CANDIDATES, 2))
    room = 1.0 - margins.sum(axis=1, keepdims=True) - width.sum(axis=1, keepdims=True)
    share[:, [0, -1]] *= room > 0
    gaps = room * share / share.sum(axis=1, keepdims=True)
    left = margins[:, :1] + np.cumsum(gaps[:, :-1], axis=1) + np.cumsum(in_order, axis=1) - in_order
    x0: Array = np.empty_like(left)
    np.put_along_axis(x0, order, left, axis=1)
    return _to_borders(x0, width, task.borders)


def _to_borders(x0: Array, width: Array, borders: Sequence[frozenset[str]]) -> Array:
    """What is cut off at a side touches that edge of the canvas."""
    for number, cut in enumerate(borders):
        if "left" in cut:
            x0[:, number] = 0.0
        if "right" in cut:
            x0[:, number] = 1.0 - width[:, number]
    return x0


def _beside_stand(draw: np.random.Generator, stand: Footing, width: Array) -> Array:
    """The first where it stood, inside of the canvas; the others anywhere, as those that cover each other drop out."""
    x0: Array = SIDE_MARGINS[0] + draw.random(width.shape) * np.maximum(1 - 2 * SIDE_MARGINS[0] - width, 0.0)
    x0[:, 0] = np.clip(stand.centre - width[:, 0] / 2, 0.0, np.maximum(1 - width[:, 0], 0.0))
    return x0


def best_candidate(draw: np.random.Generator, task: LayoutTask, found: Candidates, visible: float) -> int | None:
    """The candidate that obeys the rules and looks best: large, little covered, balanced, with chance for variety."""
    area = (found.x1 - found.x0) * (found.y1 - found.y0)
    across, down = _overlaps(found.x0, found.x1), _overlaps(found.y0, found.y1)
    overlap = np.clip(across, 0.0, None) * np.clip(down, 0.0, None)
    touching = (np.abs(np.minimum(across, down)) < TANGENT).sum(axis=(1, 2)) / 2
    rank = found.base + 1e-9 * np.arange(found.base.shape[1])
    if task.rider is not None:
        rank[:, task.rider] += 1e-7
    nearer = rank[:, None, :] > rank[:, :, None]
    covered = (overlap * nearer).sum(axis=2) / area
    obeys = (
        (covered <= 1 - visible).all(axis=1)
        & (found.x0 >= 0).all(axis=1)
        & (found.x1 <= 1).all(axis=1)
        & (found.y0 >= TOP_MARGIN / 2).all(axis=1)
    )
    if task.rider is not None:
        width = found.x1 - found.x0
        obeys &= width[:, task.rider] <= RIDER_WIDTH * width[:, task.carrier]
    if not obeys.any():
        return None
    total = area.sum(axis=1)
    centre = (area * (found.x0 + found.x1)).sum(axis=1) / 2 / total
    looks = 0.7 * total - covered.sum(axis=1) - 0.1 * touching - 0.5 * np.abs(centre - 0.5)
    looks += draw.uniform(0.0, 0.25, CANDIDATES)
    return int(np.argmax(np.where(obeys, looks, -np.inf)))


def _overlaps(low: Array, high: Array) -> Array:
    """For every two intervals of a candidate, the length that they share, below 0 their distance: C x n x n."""
    ends, starts = np.minimum(high[:, :, None], high[:, None, :]), np.maximum(low[:, :, None], low[:, None, :])
    shared: Array = ends - starts
    return shared
