"""Accepts or rejects; every row stays, with the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

from engine.rows.composition import Composition
from engine.rows.values import ACCEPTED, REJECTED
from engine.run.stage import Run, Stage, Worker
from planners.curate.gate import Thresholds, judge, judged_columns


@final
class Gate(Stage, Thresholds):
    """Compare a row's scores with the thresholds."""

    name: ClassVar[str] = "gate"
    reads: ClassVar[tuple[str, ...]] = judged_columns(Composition)
    writes: ClassVar[tuple[str, ...]] = ("status", "reasons")

    def load(self, run: Run) -> Worker:
        """Nothing to load."""
        del run

        def work(rows: Sequence[Composition]) -> list[object]:
            return [_judge_row(row, self) for row in rows]

        return work


def _judge_row(row: Composition, thresholds: Thresholds) -> Composition:
    reasons = judge(row, thresholds)
    return replace(row, status=REJECTED if reasons else ACCEPTED, reasons=reasons)
