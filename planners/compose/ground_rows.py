"""Where things may stand and how large they are there: three rows of ground, and widths that follow from real sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from engine.geometry import min_area
from engine.photos.library import CutoutInfo
from planners.compose.layout_rules import perspective
from planners.compose.sizes import relative_sizes

HUNDRED = 100
SIDES = frozenset({"left", "right"})
ROWS = 1 / 3, 2 / 3, 1.0
"""Where things may stand, from the ground line to `FRONT`."""
FRONT = 0.97
FRONT_AREA, WIDEST, TALLEST, ALL_WIDTHS = 0.48, 0.62, 0.85, 0.88
"""Upper limits as shares of the canvas: area of all objects if all stood in the front row, width and height of one
object, width of all objects side by side."""
LEAST_SHARE = 1.1
"""Of the minimum area: the smallest box that is named, so that rounding does not fall below it."""


@dataclass(frozen=True, slots=True)
class Stand:
    """What the question says, in hundredths: rows far to near, the gap between neighbours, widths in each row."""

    rows: tuple[int, ...]
    gap: int
    widths: tuple[tuple[int, ...], ...]


def left_to_right(cast: Sequence[CutoutInfo]) -> list[int]:
    """The ids of a cast from left to right, as the short question asks for them.

    What is cut off at a side belongs to an edge: the first of such comes first, the second last.
    """
    cut = [number for number, item in enumerate(cast) if not SIDES.isdisjoint(item.cut_borders)]
    whole = [number for number in range(len(cast)) if number not in cut]
    return [*cut[:1], *whole, *cut[1:]]


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
        widths.append(tuple(_round_width(float(width), item.aspect, smallest / LEAST_SHARE) for width in fitting))
    ends = sum(bound(cast, left_to_right(cast)))
    gap = (HUNDRED - sum(each[-1] for each in widths)) / max(len(cast) + 1 - ends, 1)
    return Stand(rows, max(int(gap), 0), tuple(widths))


def bound(cast: Sequence[CutoutInfo], order: Sequence[int]) -> tuple[bool, bool]:
    """Whether the first and the last are cut off at a side and so touch an edge; one alone touches one."""
    first, last = (not SIDES.isdisjoint(cast[number].cut_borders) for number in (order[0], order[-1]))
    return first, last and len(order) > 1


def _round_width(width: float, aspect: float, smallest: float) -> int:
    """In hundredths, up where only that keeps the least area."""
    near, least = round(HUNDRED * width), (smallest * aspect) ** 0.5
    return near + 1 if near / HUNDRED < least <= width else near


def _front_widths(cast: Sequence[CutoutInfo]) -> list[float]:
    """Widths in proportion to real sizes, together about half of the picture, none beyond what it holds."""
    sizes = relative_sizes(cast)
    wide = [size * min(1.0, item.aspect) for size, item in zip(sizes, cast, strict=True)]
    tall = [width / item.aspect for width, item in zip(wide, cast, strict=True)]
    area = sum(width * height for width, height in zip(wide, tall, strict=True))
    scale = min((FRONT_AREA / area) ** 0.5, WIDEST / max(wide), TALLEST / max(tall), ALL_WIDTHS / sum(wide))
    return [scale * width for width in wide]
