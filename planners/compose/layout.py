"""Where things stand: boxes on one ground plane, found by drawing many layouts and keeping a good one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.errors import SampleError
from engine.geometry import min_area
from engine.photos.library import CutoutInfo
from engine.rows.composition import Placement
from engine.seeds import rng
from planners.compose.anchors import Footing
from planners.compose.layout_candidates import (
    CANDIDATES,
    NEAREST,
    Candidates,
    LayoutTask,
    best_candidate,
    draw_candidates,
)
from planners.compose.layout_rules import GROUND_MARGIN, placed_borders, problems, stands_on
from planners.compose.sizes import may_be, relative_sizes, size_of

__all__ = ["problems", "solve"]

ATTEMPTS = 24
SUPPORT_CHANCE = 0.6


def solve(
    seed: int,
    cast: Sequence[CutoutInfo],
    ground_line: float | None,
    *,
    mirror: bool = False,
    stand: Footing | None = None,
) -> tuple[Placement, ...]:
    """Place every cut-out of `cast`, farthest first.

    Each attempt draws 64 layouts, drops those that break a rule and keeps the best of the rest; the next attempt
    draws smaller objects. About a millisecond.

    Args:
        seed: of the row.
        cast: 1 to 5 cut-outs.
        ground_line: horizon of the ground, 0 (top) to 1; None where the background shows none.
        mirror: whether cut-outs may be mirrored by chance; lettering and clock faces lose by it.
        stand: where the first of the cast stands, if that is settled; the others are drawn to its scale.

    Raises:
        SampleError: LAYOUT_UNSOLVED when no attempt obeys the rules.
    """
    ground = 0.5 if ground_line is None else ground_line
    if ground + 2 * GROUND_MARGIN < NEAREST:
        task = _task(rng(seed, "layout", "task"), cast, ground, mirror=mirror, stand=stand)
        for attempt in range(ATTEMPTS):
            if attempt == ATTEMPTS // 2:  # what does not fit on its supporter may stand beside it
                task = replace(task, rider=None, stand_shrinks=True)
            draw = rng(seed, "layout", f"attempt {attempt}")
            found = draw_candidates(draw, task, scale=0.95**attempt)
            best = best_candidate(draw, task, found, visible=max(0.88 - 0.01 * attempt, 0.72))
            if best is not None:
                placements = _placements(task, cast, found, best)
                if not problems(placements, cast, ground_line):
                    return placements
    names = ", ".join(f"{item.class_name} ({item.aspect:.2f})" for item in cast)
    raise SampleError(
        "LAYOUT_UNSOLVED",
        f"no arrangement of {names} obeys the rules",
        why=f"ground line {ground:.2f}, {ATTEMPTS * CANDIDATES} layouts tried",
        fix="a background with a higher ground line, fewer objects, or cut-outs that are whole",
    )


def _task(
    draw: np.random.Generator, cast: Sequence[CutoutInfo], ground: float, *, mirror: bool, stand: Footing | None
) -> LayoutTask:
    aspect = np.array([item.aspect for item in cast])
    flips = _flips(draw, cast, mirror=mirror)
    rider, carrier = (None, 0) if stand else _support(draw, cast)
    return LayoutTask(
        aspect=aspect,
        ratio=np.array(relative_sizes(cast)),
        shortest_long_side=np.sqrt(1.03 * min_area(len(cast)) / np.minimum(aspect, 1 / aspect)),
        borders=tuple(placed_borders(item, flip=flip) for item, flip in zip(cast, flips, strict=True)),
        flips=flips,
        rider=rider,
        carrier=carrier,
        ground=ground,
        stand=stand,
    )


def _flips(draw: np.random.Generator, cast: Sequence[CutoutInfo], *, mirror: bool) -> tuple[bool, ...]:
    """Mirror each with a chance of one half, if at all; two that are cut at the sides go to different edges."""
    flips: list[bool] = []
    taken: set[str] = set()
    for item, coin in zip(cast, draw.random(len(cast)), strict=True):
        flip = mirror and bool(coin < 0.5)
        if placed_borders(item, flip=flip) & taken & {"left", "right"}:
            flip = not flip
        taken |= placed_borders(item, flip=flip)
        flips.append(flip)
    return tuple(flips)


def _support(draw: np.random.Generator, cast: Sequence[CutoutInfo]) -> tuple[int | None, int]:
    """A small thing and the piece of furniture that it stands on, where the cast has such a pair."""
    pairs = [
        (rider, carrier)
        for carrier, wide in enumerate(cast)
        for rider, small in enumerate(cast)
        if may_be(wide.class_name, "surface") and wide.aspect >= 1.2 and not wide.cut_borders and not small.cut_borders
        if (size_of(small) or 9.0) <= 0.5 * (size_of(wide) or 0.0)
    ]
    if not pairs or draw.random() >= SUPPORT_CHANCE:
        return None, 0
    return pairs[int(draw.integers(len(pairs)))]


def _placements(task: LayoutTask, cast: Sequence[CutoutInfo], found: Candidates, best: int) -> tuple[Placement, ...]:
    edges = np.stack([found.x0[best], found.y0[best], found.x1[best], found.y1[best]], axis=1).round(5)
    sequence = sorted(range(len(cast)), key=lambda i: (float(found.base[best, i]), i == task.rider, i))
    orders = {number: order for order, number in enumerate(sequence)}
    return tuple(
        Placement(
            cutout_id=cast[number].cutout_id,
            box=(float(edges[number, 0]), float(edges[number, 1]), float(edges[number, 2]), float(edges[number, 3])),
            flip=task.flips[number],
            order=orders[number],
            support=stands_on(orders[task.carrier]) if number == task.rider else "ground",
            relative_size=float(task.ratio[number]),
        )
        for number in sequence
    )
