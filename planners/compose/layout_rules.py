"""What makes a layout possible: every rule once, for the solver's answers and for a language model's alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from engine.geometry import MIN_VISIBLE, Box, intersection, min_area
from engine.photos.library import CutoutInfo
from engine.rows.composition import Placement
from planners.compose.sizes import may_be, relative_sizes

GROUND_MARGIN = 0.02
STAND_IN = 0.08
"""Of a supporter's height: how far below its top edge a thing stands, because a top is seen from above."""
_STAND_TOLERANCE = 0.25
_EDGE_TOLERANCE = 0.01
_ASPECT_TOLERANCE = 0.03
_SIZE_TOLERANCE = 2.0
_DEPTH_EXPONENT = 0.5
PLACES = ("ground", "hanging", "air", "water")


def perspective(base: NDArray[np.float64], ground: float, nearest: float) -> NDArray[np.float64]:
    """How much smaller things at height `base` look than at `nearest`.

    On a plane seen from eye height size goes with the distance below the horizon; its square root is used, because
    photos of things are taken from above, where the ground line is no horizon at infinity.
    """
    depth = np.clip((base - ground) / max(nearest - ground, 1e-6), 1e-3, None)
    return np.asarray(depth**_DEPTH_EXPONENT)


def placed_borders(cutout: CutoutInfo, *, flip: bool) -> frozenset[str]:
    """Sides at which the placed cut-out is cut off; mirroring swaps left and right."""
    swap = {"left": "right", "right": "left"} if flip else {}
    return frozenset(swap.get(border, border) for border in cutout.cut_borders)


def stands_on(order: int) -> str:
    """The support of something that stands on the object with `order`."""
    return f"on:{order}"


def problems(placements: Sequence[Placement], cast: Sequence[CutoutInfo], ground_line: float | None) -> tuple[str, ...]:
    """Every rule that a layout breaks, in words; empty for a good one.

    The rules: each cut-out once, orders 0 to n-1; boxes inside the canvas, of their cut-out's aspect and of a
    minimum area; on the ground below the ground line, or on something, or in a place where its class belongs;
    nearer ones lower; 0.7 of each box visible; cut sides on the canvas' edges; sizes within a factor of two of the
    real ones seen in perspective.
    """
    by_id = {item.cutout_id: item for item in cast}
    orders = [item.order for item in placements]
    if sorted(item.cutout_id for item in placements) != sorted(by_id) or len(by_id) != len(cast):
        return ("cast: not every cut-out is placed exactly once",)
    if sorted(orders) != list(range(len(placements))):
        return (f"order: {orders} is not 0 to {len(placements) - 1}",)
    ordered = sorted(placements, key=lambda item: item.order)
    if not all(Box(*item.box).inside_canvas for item in ordered):
        return tuple(f"canvas: {item.cutout_id} is not inside" for item in ordered if not Box(*item.box).inside_canvas)
    infos = [by_id[item.cutout_id] for item in ordered]
    return (
        *_shape(ordered, infos),
        *_contact(ordered, infos, ground_line),
        *_depth(ordered),
        *_sizes(ordered, infos, ground_line),
    )


def visible_fractions(placements: Sequence[Placement]) -> tuple[float, ...]:
    """For placements in order: the share of each box that nearer boxes leave, at least (overlaps are summed)."""
    boxes = [Box(*item.box) for item in placements]
    return tuple(
        1.0 - sum(intersection(box, nearer) for nearer in boxes[number + 1 :]) / box.area
        for number, box in enumerate(boxes)
    )


def _shape(ordered: Sequence[Placement], infos: Sequence[CutoutInfo]) -> Iterator[str]:
    smallest = min_area(len(ordered))
    for item, info in zip(ordered, infos, strict=True):
        box = Box(*item.box)
        if box.area < smallest - 1e-6:
            yield f"area: {info.cutout_id} covers {box.area:.3f} of the canvas, less than {smallest}"
        if abs(box.width / box.height / info.aspect - 1) > _ASPECT_TOLERANCE:
            yield f"aspect: {info.cutout_id} is {box.width / box.height:.2f}, its cut-out {info.aspect:.2f}"
        edges = {"left": box.x0, "top": box.y0, "right": 1 - box.x1, "bottom": 1 - box.y1}
        for border in sorted(placed_borders(info, flip=item.flip)):
            if edges[border] > _EDGE_TOLERANCE:
                yield f"border: {info.cutout_id} is cut at the {border} and does not touch that edge of the canvas"


def _contact(ordered: Sequence[Placement], infos: Sequence[CutoutInfo], ground_line: float | None) -> Iterator[str]:
    carriers = {stands_on(item.order): item for item in ordered if item.support == "ground"}
    for item, info in zip(ordered, infos, strict=True):
        carrier = carriers.get(item.support)
        if item.support == "ground":
            if ground_line is not None and item.box[3] < ground_line + GROUND_MARGIN:
                yield f"ground: {info.cutout_id} ends at {item.box[3]:.3f}, above the ground line {ground_line:.3f}"
        elif item.support in PLACES:
            if not may_be(info.class_name, item.support):
                yield f"support: a {info.class_name} is not at home {item.support!r}"
        elif carrier is None or carrier is item or item.order < carrier.order:
            yield f"support: {info.cutout_id} on {item.support!r}, which is nothing that stands on the ground behind it"
        elif not _rests(Box(*item.box), Box(*carrier.box)):
            yield f"support: {info.cutout_id} does not rest on the top of {carrier.cutout_id}"


def _rests(box: Box, carrier: Box) -> bool:
    centre = (box.x0 + box.x1) / 2
    at_top = abs(box.y1 - carrier.y0) <= _STAND_TOLERANCE * carrier.height
    return at_top and carrier.x0 <= centre <= carrier.x1 and box.width <= carrier.width


def _depth(ordered: Sequence[Placement]) -> Iterator[str]:
    grounded = [item for item in ordered if item.support == "ground"]
    for farther, nearer in combinations(grounded, 2):
        if nearer.box[3] < farther.box[3] - _EDGE_TOLERANCE:
            yield f"order: {nearer.cutout_id} is drawn before {farther.cutout_id} but stands behind it"
    for item, fraction in zip(ordered, visible_fractions(ordered), strict=True):
        if fraction < MIN_VISIBLE:
            yield f"visible: {item.cutout_id} may be hidden to {1 - fraction:.2f}, more than {1 - MIN_VISIBLE:.1f}"


def _sizes(ordered: Sequence[Placement], infos: Sequence[CutoutInfo], ground_line: float | None) -> Iterator[str]:
    """A thing is too large beside another, unless it was only lifted to the minimum area."""
    ground = 0.5 if ground_line is None else ground_line
    floor = 1.2 * min_area(len(ordered))
    bases = np.array([_base(item, ordered) for item in ordered])
    expected = np.array(relative_sizes(infos)) * perspective(bases, ground, 1.0)
    scales = [max(Box(*p.box).width, Box(*p.box).height) / e for p, e in zip(ordered, expected, strict=True)]
    for large, small in permutations(range(len(ordered)), 2):
        free = {ordered[large].support, ordered[small].support}.isdisjoint(PLACES[1:])
        if free and scales[large] > _SIZE_TOLERANCE * scales[small] and Box(*ordered[large].box).area > floor:
            yield f"size: {infos[large].cutout_id} is too large beside {infos[small].cutout_id}"


def _base(item: Placement, ordered: Sequence[Placement]) -> float:
    return next((other.box[3] for other in ordered if item.support == stands_on(other.order)), item.box[3])
