"""Layouts as pictures: pasted before their backgrounds by the stages that need no model, for the eye alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actors.compose.caption import Caption
from actors.compose.inpaint import Inpaint
from actors.compose.paste import Paste
from actors.compose.restore import Restore
from actors.compose.score import Score
from engine.rows.composition import Composition
from engine.rows.values import ACCEPTED
from engine.run.stage import Run

SIDE = 384  # px


def paste_layouts(rows: Sequence[Composition], layouts: str, library: str) -> list[Composition]:
    """The rows with image, caption and objects; one that cannot be pasted is left out.

    Args:
        rows: as `mycanvas layout` stores them.
        layouts: where they are stored, and their backgrounds beside them.
        library: the cut-outs that they were laid out from.

    Raises:
        UsageError: those of `engine.photos.library.open_library`.
        Damaged: those of `engine.photos.library.open_library`.
    """
    run = Run(out=layouts, library=library, size=SIDE)
    answers: list[object] = list(rows)
    for stage in (Paste(), Inpaint(), Restore(), Caption(), Score()):
        work = stage.load(run)
        answers = [made for row in answers for made in work([row]) if isinstance(made, Composition)]
    return [replace(row, status=ACCEPTED) for row in answers if isinstance(row, Composition)]
