"""Boxes and their arithmetic. One unit everywhere: xyxy, 0 to 1, x right, y down."""

from __future__ import annotations

from dataclasses import dataclass

MIN_VISIBLE = 0.7
"""The share of every object that nearer ones must leave visible."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle inside the unit canvas: left, top, right, bottom."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def inside_canvas(self) -> bool:
        return 0.0 <= self.x0 < self.x1 <= 1.0 and 0.0 <= self.y0 < self.y1 <= 1.0

    def pixels(self, size: int) -> tuple[int, int, int, int]:
        """The box on a canvas of `size` x `size` pixels, rounded outwards to at least one pixel."""
        x0, y0 = round(self.x0 * size), round(self.y0 * size)
        return x0, y0, max(round(self.x1 * size), x0 + 1), max(round(self.y1 * size), y0 + 1)


def intersection(a: Box, b: Box) -> float:
    """Shared area, 0 to 1."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return max(width, 0.0) * max(height, 0.0)


def contain(aspect: float, box: Box) -> Box:
    """The largest box of `aspect` (width / height) inside `box`, centred sideways, standing on its bottom edge."""
    width = min(box.width, box.height * aspect)
    height = width / aspect
    centre = (box.x0 + box.x1) / 2
    return Box(centre - width / 2, box.y1 - height, centre + width / 2, box.y1)


def min_area(count: int) -> float:
    """The least area of a box, share of the canvas: 4 % for up to 3 objects, 2.8 % for 4, 1.6 % for more (Gen4Gen)."""
    return 0.04 if count <= 3 else 0.028 if count == 4 else 0.016
