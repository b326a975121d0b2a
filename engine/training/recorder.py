"""What every context does with a report before it passes it on: count seconds, store the checkpoint."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import final

from engine.training.checkpoints import Checkpoint, Checkpoints
from engine.training.reports import TrainingReport


@final
class RunRecorder:
    """One process's part of a run, from the checkpoint on that it began with.

    Args:
        checkpoints: of the run.
        found: the checkpoint that was fetched, or None at the beginning.
    """

    def __init__(self, checkpoints: Checkpoints, found: Checkpoint | None) -> None:
        self._checkpoints = checkpoints
        self._before = found.seconds if found else 0.0
        self._started = time.monotonic()
        self._lines: list[str] = []

    def seconds(self) -> float:
        """Of training until now; what was lost to kills does not count."""
        return round(self._before + time.monotonic() - self._started, 3)

    def record(
        self, step: int, metrics: Mapping[str, float], checkpoint: Path | None, seconds: float | None = None
    ) -> TrainingReport:
        """Store the checkpoint, where one is given, with all reports since the last one; the report of this step.

        `seconds` are those at which the step was taken, where that was not now.

        Raises:
            EnvironmentProblem: DISK_FULL, STORE_DENIED, STORE_FAILED.
        """
        seconds = self.seconds() if seconds is None else seconds
        report = TrainingReport(step, seconds, metrics, saved=checkpoint is not None)
        self._lines.append(report.to_line())
        if checkpoint is not None:
            self._checkpoints.save(checkpoint, step, seconds, self._lines)
            self._lines = []
        return report
