"""Stand-in stages: they keep the seam's promises and cost nothing, so that the engine itself can be watched."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, final

import numpy as np
from pydantic import Field

from engine.errors import EnvironmentProblem, SampleError
from engine.rows.composition import Composition
from engine.rows.values import ACCEPTED, Pixels
from engine.run.pipeline import Source
from engine.run.stage import Run, Stage, Worker
from engine.run.unit import Unit
from engine.seeds import rng, sample_id, sample_seed

Answer = Composition | SampleError


@final
@dataclass(frozen=True)
class Numbers(Source):
    """Samples 0, 1, 2, … in units of `unit_size`."""

    samples: int
    unit_size: int

    def unit(self, unit_id: int) -> Unit:
        start = unit_id * self.unit_size
        names = [sample_id(index) for index in range(start, min(start + self.unit_size, self.samples))]
        rows = [Composition(sample_id=name, unit_id=unit_id, seed=sample_seed(0, name)) for name in names]
        return Unit.from_plan(unit_id, rows)

    @property
    def planned(self) -> tuple[str, ...]:
        return ("sample_id", "unit_id", "seed")

    @property
    def units(self) -> int:
        return -(-self.samples // self.unit_size)


@final
class Draw(Stage):
    """Random pixels: `payload` bytes a row."""

    name: ClassVar[str] = "draw"
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ("background",)
    payload: int = 1000
    sleep_s: float = 0.0

    def load(self, run: Run) -> Worker:
        def work(rows: Sequence[Composition]) -> list[Composition]:
            time.sleep(self.sleep_s * len(rows))
            return [replace(row, background=self._pixels(row)) for row in rows]

        return work

    def _pixels(self, row: Composition) -> Pixels:
        return np.frombuffer(rng(row.seed, "draw").bytes(self.payload), np.uint8).reshape(1, -1)


@final
class Nap(Stage):
    """Sleeps, as a GPU stage does, and passes the pixels on."""

    name: ClassVar[str] = "nap"
    reads: ClassVar[tuple[str, ...]] = ("background",)
    writes: ClassVar[tuple[str, ...]] = ("painted",)
    sleep_s: float = 0.0

    def load(self, run: Run) -> Worker:
        def work(rows: Sequence[Composition]) -> list[Composition]:
            time.sleep(self.sleep_s * len(rows))
            return [replace(row, painted=row.background) for row in rows]

        return work


@final
class Finish(Stage):
    """Stores the pixels. With `tell`, every process says which card it was given."""

    name: ClassVar[str] = "finish"
    reads: ClassVar[tuple[str, ...]] = ("painted",)
    writes: ClassVar[tuple[str, ...]] = ("image", "status")
    stored: int = 1000
    tell: bool = False

    def load(self, run: Run) -> Worker:
        if self.tell:
            card = os.environ.get("CUDA_VISIBLE_DEVICES", "")
            Path(run.out, f"process-{os.getpid()}").write_text(card, encoding="utf-8")

        def work(rows: Sequence[Composition]) -> list[Composition]:
            return [replace(row, image=row.painted.tobytes()[: self.stored], status=ACCEPTED) for row in rows]

        return work


@final
class Trap(Stage):
    """Rows that raise, kill or hang their process, by sample id."""

    name: ClassVar[str] = "trap"
    reads: ClassVar[tuple[str, ...]] = ("background",)
    writes: ClassVar[tuple[str, ...]] = ("painted",)
    raises: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    kills: tuple[str, ...] = ()
    hangs: tuple[str, ...] = ()
    breaks: str = Field("", description="file whose presence makes the stage fail for everybody")

    def load(self, run: Run) -> Worker:
        return lambda rows: [self._work(row) for row in rows]

    def _work(self, row: Composition) -> Answer:
        if self.breaks and Path(self.breaks).exists():
            raise KeyError(self.breaks)
        if row.sample_id in self.raises:
            raise ValueError(row.sample_id)
        if row.sample_id in self.refuses:
            return SampleError("REFUSED", "not this one")
        if row.sample_id in self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if row.sample_id in self.hangs:
            time.sleep(3600)
        return replace(row, painted=row.background)


@final
class Moody(Stage):
    """Ends the run by name at the row whose number a file holds, if there is such a file."""

    name: ClassVar[str] = "moody"
    reads: ClassVar[tuple[str, ...]] = ("background",)
    writes: ClassVar[tuple[str, ...]] = ()
    file: str

    def load(self, run: Run) -> Worker:
        return lambda rows: [self._work(row) for row in rows]

    def _work(self, row: Composition) -> Answer:
        if Path(self.file).exists() and row.sample_id == sample_id(int(Path(self.file).read_text())):
            raise EnvironmentProblem("MOODY", "not today", fix="ask tomorrow")
        return row


@final
class Broken(Stage):
    """Cannot be loaded on this machine."""

    name: ClassVar[str] = "broken"
    reads: ClassVar[tuple[str, ...]] = ("background",)
    writes: ClassVar[tuple[str, ...]] = ("painted",)

    def load(self, run: Run) -> Worker:
        raise EnvironmentProblem("NO_WEIGHTS", "the weights are not there", fix="fetch them")
