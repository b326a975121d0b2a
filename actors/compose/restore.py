"""Puts the subjects back as they were pasted: a painter may redraw them, a training image must not show that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

import numpy as np

from engine.compose.paste import over
from engine.metrics.pixels import CORE_ALPHA
from engine.photos.images import encode_jpeg
from engine.rows.composition import Composition
from engine.rows.values import Pixels
from engine.run.stage import Run, Stage, Worker


@final
class Restore(Stage):
    """Foreground over the painted picture, encoded once."""

    name: ClassVar[str] = "restore"
    reads: ClassVar[tuple[str, ...]] = ("painted", "foreground")
    writes: ClassVar[tuple[str, ...]] = ("image",)

    def load(self, run: Run) -> Worker:
        """Nothing to load."""
        del run

        def work(rows: Sequence[Composition]) -> list[object]:
            return [_restore_row(row) for row in rows]

        return work


def restore(painted: Pixels, foreground: Pixels) -> Pixels:
    """The foreground over the painted picture, HxWx3.

    Soft alpha hides the seam. From alpha 250 on the subject's own pixels are kept bit by bit: the step of 2 % that this
    makes cannot be seen, and identity is exact where it is measured.
    """
    solid = foreground.copy()
    solid[..., 3] = np.where(foreground[..., 3] >= CORE_ALPHA, 255, foreground[..., 3])
    return over(solid, painted)


def _restore_row(row: Composition) -> Composition:
    assert row.painted is not None
    assert row.foreground is not None
    return replace(row, image=encode_jpeg(restore(row.painted, row.foreground)))
