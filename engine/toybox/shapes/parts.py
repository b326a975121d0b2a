"""The parts of a toy, by what they are painted with."""

from __future__ import annotations

from enum import IntEnum
from typing import final


@final
class ToyPart(IntEnum):
    """Which paint a part gets: the palette's three, the first with the pattern on it, or one that all toys share."""

    MAIN = 0  # first colour, with the pattern
    SECOND = 1
    ACCENT = 2
    DARK = 3  # eyes, tyres
    PALE = 4  # bellies, whites of eyes
    LEAF = 5
    GLOW = 6  # flames, lamps: not shaded
