"""Concepts: one particular toy, the same in each photo of it. Class, shape, colours, pattern, material say which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.seeds import rng
from engine.toybox.classes import CLASSES

COLORS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "red": (214, 48, 44),
        "orange": (240, 132, 36),
        "yellow": (247, 203, 60),
        "green": (74, 158, 74),
        "mint": (150, 216, 184),
        "turquoise": (38, 168, 172),
        "blue": (48, 104, 208),
        "navy": (36, 48, 104),
        "purple": (128, 74, 178),
        "pink": (240, 138, 170),
        "white": (240, 238, 232),
        "black": (48, 48, 52),
        "brown": (136, 88, 54),
        "cream": (240, 220, 182),
    }
)
"""sRGB, 0..255."""
PATTERNS = ("plain", "striped", "dotted", "checked", "zigzag", "marbled", "dipped", "speckled")
MATERIALS = ("matte", "glossy", "metallic", "felt", "wooden")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyConcept:
    """One toy. `shape` are four numbers in 0..1; `scale` and `turn` (0..1) belong to the pattern."""

    name: str
    class_name: str
    shape: tuple[float, float, float, float]
    colors: tuple[str, str, str]
    pattern: str
    material: str
    scale: float
    turn: float

    @property
    def description(self) -> str:
        """As a caption tells it from others of its class: "red and white striped mug"."""
        first = self.colors[0] if self.pattern == "plain" else f"{self.colors[0]} and {self.colors[1]} {self.pattern}"
        return f"{first} {self.class_name}"


def draw_concept(seed: int, number: int, class_name: str | None = None) -> ToyConcept:
    """Concept `number` of a seed. Classes take turns, so that any run of them is balanced.

    Args:
        seed: of the collection.
        number: from 0.
        class_name: one of `CLASSES`; none takes the next.
    """
    chosen = class_name or CLASSES[number % len(CLASSES)]
    draw = rng(seed, "toybox", f"concept {number} {chosen}")
    main, second, accent = (str(name) for name in draw.permutation(list(COLORS))[:3])
    a, b, c, d = (float(value) for value in draw.random(4).round(4))
    return ToyConcept(
        name=f"{chosen.replace(' ', '_')}_{number:04d}",
        class_name=chosen,
        shape=(a, b, c, d),
        colors=(main, second, accent),
        pattern=PATTERNS[int(draw.choice(len(PATTERNS), p=_SHARES))],
        material=str(draw.choice(MATERIALS)),
        scale=float(draw.uniform(0.75, 1.4)),
        turn=float(draw.random()),
    )


_SHARES = (0.2, 0.16, 0.14, 0.12, 0.12, 0.1, 0.08, 0.08)
