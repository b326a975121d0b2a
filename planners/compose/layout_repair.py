"""A layout of the right form that breaks a rule, mended: as much of it is kept as the rules allow.

Moves that change least come first (feet onto the ground, boxes into the canvas, overlapping ones apart), and only then
is everything drawn smaller. `problems` has the last word, as for every layout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import final

import numpy as np

from engine.geometry import MIN_VISIBLE, Box, intersection, min_area
from engine.photos.library import CutoutInfo
from engine.rows.composition import Placement
from planners.compose.layout_rules import (
    GROUND_MARGIN,
    PLACES,
    STAND_IN,
    perspective,
    placed_borders,
    problems,
    stands_on,
)
from planners.compose.sizes import may_be

ROUNDS = 20
SMALLER = 0.94
"""Of all sizes, after every second round."""
_LOWEST = 0.99
_HIGHEST_FEET = 0.25  # of the ground's depth: what floated is put there, since at the horizon it would be a speck
_SPREAD = 1.35  # around the middle scale: two at the ends differ by 1.82, the rule says 2
_LEAST = 1.02  # of the minimum area
_CLEAR = MIN_VISIBLE + 0.02
_RIDER_WIDTH = 0.75
_SWEEPS = 8


@final
@dataclass(frozen=True, slots=True)
class _Thing:
    """One object on its way: the middle of its feet and its width; the height follows from the cut-out."""

    info: CutoutInfo
    flip: bool
    place: str
    carrier: str  # cutout_id of what it stands on, or empty
    relative_size: float
    middle: float
    bottom: float
    width: float

    @property
    def box(self) -> Box:
        height = self.width / self.info.aspect
        return Box(self.middle - self.width / 2, self.bottom - height, self.middle + self.width / 2, self.bottom)

    @property
    def borders(self) -> frozenset[str]:
        return placed_borders(self.info, flip=self.flip)


Things = tuple[_Thing, ...]


def repair(
    placements: Sequence[Placement], cast: Sequence[CutoutInfo], ground_line: float | None
) -> tuple[Placement, ...] | None:
    """The layout with as little changed as it takes to obey every rule, or None where that is not found.

    Args:
        placements: each cut-out of `cast` once, as `planners.chat.layout_answer.read` returns them; boxes may be
        anything.
        cast: 1 to 5 cut-outs.
        ground_line: 0 (top) to 1; None where the background shows none.
    """
    things = _things(placements, cast)
    for attempt in range(ROUNDS):
        things = fit_canvas(keep_proportions(stand(things, ground_line), ground_line))
        things = seat(fit_canvas(separate(things)))
        mended = _to_placements(things)
        if not problems(mended, cast, ground_line):
            return mended
        if attempt % 2:
            things = tuple(replace(thing, width=SMALLER * thing.width) for thing in things)
    return None


def stand(things: Things, ground_line: float | None) -> Things:
    """Feet of what stands on the ground below the ground line and inside the canvas; cut bottoms at its edge."""
    ground = 0.0 if ground_line is None else ground_line
    floating = min(ground + max(GROUND_MARGIN, _HIGHEST_FEET * (1 - ground)), _LOWEST)
    return tuple(
        replace(thing, bottom=1.0)
        if "bottom" in thing.borders
        else replace(thing, bottom=floating)
        if thing.place == PLACES[0] and not thing.carrier and thing.bottom < ground + GROUND_MARGIN
        else replace(thing, bottom=min(thing.bottom, _LOWEST))
        for thing in things
    )


def keep_proportions(things: Things, ground_line: float | None) -> Things:
    """Sizes near to real ones in perspective, none below the minimum area, all small enough for the canvas."""
    ground = 0.5 if ground_line is None else ground_line
    feet = {thing.info.cutout_id: thing.bottom for thing in things}
    bases = np.array([feet.get(thing.carrier, thing.bottom) for thing in things])
    expected = np.array([thing.relative_size for thing in things]) * perspective(bases, ground, 1.0)
    scales = np.array([_long(thing) for thing in things]) / expected
    bound = [thing.place == PLACES[0] for thing in things]
    middle = math.exp(np.log(scales[bound]).mean()) if any(bound) else 1.0
    wanted = np.where(bound, np.clip(scales, middle / _SPREAD, middle * _SPREAD), scales)
    room = min(_room(thing) / (_long(thing) * w / s) for thing, w, s in zip(things, wanted, scales, strict=True))
    wanted = wanted * min(room, 1.0)
    smallest = _LEAST * min_area(len(things))
    return tuple(
        replace(thing, width=max(thing.width * float(w / s), math.sqrt(smallest * thing.info.aspect)))
        for thing, w, s in zip(things, wanted, scales, strict=True)
    )


def fit_canvas(things: Things) -> Things:
    """Boxes shifted into the canvas; cut sides onto its edges."""
    return tuple(_inside(thing) for thing in things)


def separate(things: Things) -> Things:
    """Push sideways what covers another too much, each half of the way, until nothing does or nothing moves."""
    moved = list(things)
    for _ in range(_SWEEPS):
        pairs = [pair for pair in combinations(range(len(moved)), 2) if _covers(moved[pair[0]], moved[pair[1]])]
        if not pairs:
            break
        for one, other in pairs:
            moved[one], moved[other] = _push_apart(moved[one], moved[other])
    return tuple(moved)


def seat(things: Things) -> Things:
    """What stands on something back onto the middle of its top, narrower than it."""
    boxes = {thing.info.cutout_id: thing.box for thing in things}
    return tuple(_seat(thing, boxes[thing.carrier]) if thing.carrier else thing for thing in things)


def _things(placements: Sequence[Placement], cast: Sequence[CutoutInfo]) -> Things:
    infos = {item.cutout_id: item for item in cast}
    grounded = {stands_on(item.order): item.cutout_id for item in placements if item.support == PLACES[0]}
    least = min_area(len(cast))
    things = []
    for item in placements:
        info, box = infos[item.cutout_id], Box(*(min(max(edge, -1.0), 2.0) for edge in item.box))
        at_home = item.support in PLACES[1:] and may_be(info.class_name, item.support)
        width = min(box.width, box.height * info.aspect) if box.area else 0.0
        things.append(
            _Thing(
                info=info,
                flip=item.flip,
                place=item.support if at_home else PLACES[0],
                carrier="" if info.cut_borders else grounded.get(item.support, ""),
                relative_size=item.relative_size,
                middle=(box.x0 + box.x1) / 2,
                bottom=max(box.y0, box.y1),
                width=max(width, math.sqrt(least * info.aspect) / 4),
            )
        )
    return tuple(things)


def _long(thing: _Thing) -> float:
    return thing.width * max(1.0, 1 / thing.info.aspect)


def _room(thing: _Thing) -> float:
    """The longest side with which it is inside the canvas where it stands."""
    wide, tall = min(1.0, thing.info.aspect), min(1.0, 1 / thing.info.aspect)
    return min(0.96 / wide, max(thing.bottom, 0.1) / tall)


def _inside(thing: _Thing) -> _Thing:
    half = thing.width / 2
    if "left" in thing.borders:
        return replace(thing, middle=half)
    if "right" in thing.borders:
        return replace(thing, middle=1 - half)
    lowest = max(thing.bottom, thing.width / thing.info.aspect)
    return replace(thing, middle=min(max(thing.middle, half), max(1 - half, half)), bottom=min(lowest, 1.0))


def _covers(one: _Thing, other: _Thing) -> bool:
    """Whether the nearer hides too much of the farther; what stands on the other does by right."""
    if one.info.cutout_id == other.carrier or other.info.cutout_id == one.carrier:
        return False
    far = min(one, other, key=lambda thing: thing.bottom)
    return intersection(one.box, other.box) > (1 - _CLEAR) / 2 * far.box.area


def _push_apart(one: _Thing, other: _Thing) -> tuple[_Thing, _Thing]:
    left, right = sorted((one, other), key=lambda thing: thing.middle)
    shared = left.box.x1 - right.box.x0
    left, right = (
        _inside(replace(left, middle=left.middle - shared / 2)),
        _inside(replace(right, middle=right.middle + shared / 2)),
    )
    return (left, right) if left.info == one.info else (right, left)


def _seat(thing: _Thing, top: Box) -> _Thing:
    width = min(thing.width, _RIDER_WIDTH * top.width)
    middle = min(max(thing.middle, top.x0 + width / 2), top.x1 - width / 2)
    return replace(thing, width=width, middle=middle, bottom=top.y0 + STAND_IN * top.height)


def _to_placements(things: Things) -> tuple[Placement, ...]:
    """Far to near by where each, or what it stands on, meets the ground."""
    feet = {thing.info.cutout_id: thing.bottom for thing in things}
    sequence = sorted(things, key=lambda thing: (feet.get(thing.carrier, thing.bottom), bool(thing.carrier)))
    orders = {thing.info.cutout_id: order for order, thing in enumerate(sequence)}
    return tuple(
        Placement(
            cutout_id=thing.info.cutout_id,
            box=(thing.box.x0, thing.box.y0, thing.box.x1, thing.box.y1),
            flip=thing.flip,
            order=order,
            support=stands_on(orders[thing.carrier]) if thing.carrier else thing.place,
            relative_size=thing.relative_size,
        )
        for order, thing in enumerate(sequence)
    )
