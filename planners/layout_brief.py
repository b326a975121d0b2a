"""The layout as a short question for models that were trained on it: every size is worked out, places are asked for.

A twentieth of the tokens of `planners.layout_prompt.request`, integers in hundredths of the canvas. Asked with sizes in
thousandths and no rows, a model of 1.8 million parameters broke a rule in half of its answers: it guessed digits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from engine.geometry import min_area
from engine.library import CutoutInfo
from engine.records import Placement
from planners.layout_answer import HUNDRED, SIDES, brief_schema, listed
from planners.layout_prompt import LayoutRequest, spotlight
from planners.layout_rules import perspective
from planners.sizes import relative_sizes

ROWS = 1 / 3, 2 / 3, 1.0
"""Where things may stand, from the ground line to `FRONT`."""
FRONT = 0.97
FRONT_AREA, WIDEST, TALLEST, ALL_WIDTHS = 0.48, 0.62, 0.85, 0.94
"""Of all objects together, were all at the front; of one, twice; of all side by side."""
LEAST_SHARE = 1.1
"""Of the minimum area: the smallest box that is named, so that rounding does not fall below it."""


@dataclass(frozen=True, slots=True)
class Stand:
    """What the question says, in hundredths: rows far to near, the gap between neighbours, widths in each row."""

    rows: tuple[int, ...]
    gap: int
    widths: tuple[tuple[int, ...], ...]


def brief_request(cast: Sequence[CutoutInfo], ground_line: float | None) -> LayoutRequest:
    """Ask for middle, bottom and width of each, a `BriefAnswer`.

    ``{"rows":[62,79,97],"gap":12,"0":["cat",22,31,38,"left"],"1":["mug",15,21,26]}``: the rows where things may
    stand, far to near; the space between neighbours, were all in the nearest row; for each place from left to right
    the class, its width in each row, and the sides at which its photo cut it off. Sizes are worked out here, since
    arithmetic is what small models cannot do; where things stand is theirs to say.
    """
    stand, order = stand_of(cast, ground_line), listed(cast)
    question: dict[str, Any] = {"rows": list(stand.rows), "gap": stand.gap}
    for place, number in enumerate(order):
        question[str(place)] = [spotlight(cast[number].class_name), *stand.widths[number], *cast[number].cut_borders]
    return LayoutRequest(json.dumps(question, ensure_ascii=False, separators=(",", ":")), brief_schema(len(cast)))


def stand_of(cast: Sequence[CutoutInfo], ground_line: float | None) -> Stand:
    """Rows and widths. What is cut off at the bottom stands at the very front whatever the row."""
    ground = 0.5 if ground_line is None else ground_line
    rows = tuple(ceil(HUNDRED * (ground + share * (FRONT - ground)) - 1e-6) for share in ROWS)
    smallest = LEAST_SHARE * min_area(len(cast))
    widths = []
    for item, front in zip(cast, _front_widths(cast), strict=True):
        bases = np.array([1.0] * len(rows) if "bottom" in item.cut_borders else [row / HUNDRED for row in rows])
        seen = front * perspective(bases, ground, 1.0)
        fitting = np.minimum(np.maximum(seen, (smallest * item.aspect) ** 0.5), 0.98 * bases * item.aspect)
        widths.append(tuple(_rounded(float(width), item.aspect, smallest / LEAST_SHARE) for width in fitting))
    ends = sum(_bound(cast, listed(cast)))
    gap = (HUNDRED - sum(each[-1] for each in widths)) / max(len(cast) + 1 - ends, 1)
    return Stand(rows, max(int(gap), 0), tuple(widths))


def straightened(layout: Sequence[Placement], cast: Sequence[CutoutInfo], ground_line: float | None) -> str:
    """A solver's layout as the answer that a model is taught: the nearest rows, equal gaps from side to side.

    Equal gaps leave nothing to guess: with the solver's own, which differ by chance, a model learns the likeliest
    digit of each number and not numbers that fit together. Middles depend on the question alone and not on the rows
    that are chosen, some of which are answered later.

    Args:
        layout: of `cast`, everything on the ground.
        cast: in the order of the question's ids.
        ground_line: as in the question.
    """
    stand, order = stand_of(cast, ground_line), listed(cast)
    bases = {item.cutout_id: item.box[3] for item in layout}
    chosen = [int(np.argmin([abs(row / HUNDRED - bases[info.cutout_id]) for row in stand.rows])) for info in cast]
    parts = []
    for place, (number, middle) in enumerate(zip(order, _middles(stand, cast, order), strict=True)):
        bottom = HUNDRED if "bottom" in cast[number].cut_borders else stand.rows[chosen[number]]
        parts.append(f'"{place}":[{middle},{bottom},{stand.widths[number][chosen[number]]}]')
    return "{" + ",".join(parts) + "}"


def _middles(stand: Stand, cast: Sequence[CutoutInfo], order: Sequence[int]) -> list[int]:
    """Where each stands, side by side at its largest; what is too wide together is pushed back from the right."""
    at = 0 if _bound(cast, order)[0] else stand.gap
    middles = []
    for number in order:
        width = stand.widths[number][-1]
        middles.append(round(min(at + width / 2, HUNDRED - width / 2)))
        at += width + stand.gap
    return middles


def _bound(cast: Sequence[CutoutInfo], order: Sequence[int]) -> tuple[bool, bool]:
    """Whether the first and the last are cut off at a side and so touch an edge; one alone touches one."""
    first, last = (not SIDES.isdisjoint(cast[number].cut_borders) for number in (order[0], order[-1]))
    return first, last and len(order) > 1


def _rounded(width: float, aspect: float, smallest: float) -> int:
    """In hundredths, up where only that keeps the least area."""
    near, least = round(HUNDRED * width), (smallest * aspect) ** 0.5
    return near + 1 if near / HUNDRED < least <= width else near


def _front_widths(cast: Sequence[CutoutInfo]) -> list[float]:
    """Widths in proportion to real sizes, together about half of the picture, none beyond what it holds."""
    sizes = relative_sizes([item.class_name for item in cast])
    wide = [size * min(1.0, item.aspect) for size, item in zip(sizes, cast, strict=True)]
    tall = [width / item.aspect for width, item in zip(wide, cast, strict=True)]
    area = sum(width * height for width, height in zip(wide, tall, strict=True))
    scale = min((FRONT_AREA / area) ** 0.5, WIDEST / max(wide), TALLEST / max(tall), ALL_WIDTHS / sum(wide))
    return [scale * width for width in wide]
