"""A kind of row, its stage and its recipe, all in this file: what somebody else would add to the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import numpy as np

from actors.compose.stages import STAGES
from engine.errors import SampleError
from engine.photos.images import encode_jpeg
from engine.rows.kinds import RECORDS
from engine.rows.metric import METRIC, MetricSpec
from engine.rows.values import ACCEPTED, REJECTED
from engine.run.stage import Run, Stage, Worker
from engine.seeds import rng

RECIPE = """\
name: swatches
size: 64
unit_size: 4
phases:
  compose:
    record: swatch
    source: samples
    stages:
      paint_swatch:
        least: 0.2
pools: {}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swatch:
    """A square of one colour."""

    kind: ClassVar[str] = "swatch"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    # paint_swatch
    image: bytes | None = None
    hue: str = ""
    brightness: float | None = field(
        default=None,
        metadata={
            METRIC: MetricSpec(
                label="brightness",
                about="mean of the three channels",
                function=f"{__name__}:PaintSwatch",
                low=0,
                high=1,
            )
        },
    )
    status: str = ""
    reasons: tuple[str, ...] = ()


@final
class PaintSwatch(Stage):
    """Paint squares; dark ones are rejected, and every seventh cannot be painted."""

    name: ClassVar[str] = "paint_swatch"
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ("image", "hue", "brightness", "status", "reasons")

    least: float = 0.0

    def load(self, run: Run) -> Worker:
        def work(rows: Sequence[Swatch]) -> list[object]:
            return [self._paint(row, run.size) for row in rows]

        return work

    def _paint(self, row: Swatch, size: int) -> Swatch | SampleError:
        if int(row.sample_id) % 7 == 6:
            return SampleError("SWATCH_SEVENTH", "every seventh swatch dries up")
        colour = rng(row.seed, self.name).integers(0, 256, 3)
        brightness = float(colour.mean()) / 255
        dark = brightness < self.least
        return replace(
            row,
            image=encode_jpeg(np.full((size, size, 3), colour, np.uint8)),
            hue=("red", "green", "blue")[int(colour.argmax())],
            brightness=brightness,
            status=REJECTED if dark else ACCEPTED,
            reasons=("dark",) if dark else (),
        )


def enter() -> None:
    """Enter the record and the stage where recipes look for them."""
    RECORDS.add("swatch", f"{__name__}:Swatch")
    STAGES.add("paint_swatch", f"{__name__}:PaintSwatch")


def leave() -> None:
    """Take them out again, for the tests that compare the tables with the documents."""
    del RECORDS._table["swatch"], STAGES._table["paint_swatch"]
