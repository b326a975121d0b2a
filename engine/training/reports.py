"""What a training reports, and the log of it behind a store: one JSON object a line, in parts.

    runs/<run>/log/000001.jsonl    step, seconds, saved, and what was measured

Stores cannot append, so a part is put again as it grows; a new one begins with every driver and every 1,000 lines.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, final

from engine.errors import Damaged
from engine.storage.store import Store
from engine.training.checkpoints import RUNS, Checkpoints

PUT_EVERY_S = 10.0  # what a kill of the driver may cost of the log; a report with a checkpoint is put at once
PART_LINES = 1000
_PART = re.compile(r"\d{6,}\.jsonl")


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """How far a training is.

    Attributes:
        step: steps taken.
        seconds: of training that led there; what was lost to kills does not count.
        metrics: what was measured since the last report, by name.
        saved: whether a checkpoint of this step is stored.
    """

    step: int
    seconds: float
    metrics: Mapping[str, float]
    saved: bool = False

    def to_row(self) -> dict[str, Any]:
        """One flat mapping, as Ray Train and the log carry it."""
        return {"step": self.step, "seconds": self.seconds, "saved": self.saved, **self.metrics}

    def to_line(self) -> str:
        """The row as a line of the log, without its end."""
        return json.dumps(self.to_row())

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read back what `to_row` gave."""
        step, seconds, saved = row["step"], row["seconds"], row["saved"]
        metrics = {name: value for name, value in row.items() if name not in ("step", "seconds", "saved")}
        return cls(step, seconds, metrics, saved)


@final
class ReportLog:
    """Writes the log of a run. Begins a part of its own: what earlier drivers wrote stays.

    Reports that died with a worker or a driver on their way are taken from the checkpoints, which hold them too.

    Raises:
        Damaged: TRAINING_LOG_DAMAGED.
    """

    def __init__(self, store: Store, run: str) -> None:
        self._store, self._folder = store, f"{RUNS}/{run}/log"
        self._number = max((int(name.partition(".")[0]) for name in _parts(store, self._folder)), default=0)
        self._checkpoints = Checkpoints(store, run)
        self._known = {report.to_line() for report in read_reports(store, run)}
        self._begin_part()
        self._taken_from: list[int] = []
        self._add_from_checkpoints()
        self.flush()

    def _begin_part(self) -> None:
        self._lines: list[str] = []
        self._stored = 0
        self._stored_at = time.monotonic()

    def append(self, report: TrainingReport) -> None:
        """Add a line; it is stored now if a checkpoint was, or else within ten seconds of more reports."""
        self._add_from_checkpoints()  # first: a checkpoint that nobody reported yet is what this report goes on from
        self._add([report.to_line()])
        if report.saved or time.monotonic() - self._stored_at >= PUT_EVERY_S:
            self.flush()

    def _add_from_checkpoints(self) -> None:
        steps = self._checkpoints.steps()
        if steps != self._taken_from:
            self._add(self._checkpoints.reports())
            self._taken_from = steps

    def _add(self, lines: Iterable[str]) -> None:
        new = [line for line in dict.fromkeys(lines) if line not in self._known]
        self._known.update(new)
        self._lines += new

    def flush(self) -> None:
        """Store the lines that are not stored yet."""
        if self._stored == len(self._lines):
            return
        data = "".join(f"{line}\n" for line in self._lines).encode()
        if self._stored:
            self._store.put(self._path(), data)
        else:
            self._number += 1
            while not self._store.create(self._path(), data):  # another driver began a part just now
                self._number += 1
        self._stored, self._stored_at = len(self._lines), time.monotonic()
        if self._stored >= PART_LINES:
            self._begin_part()

    def _path(self) -> str:
        return f"{self._folder}/{self._number:06d}.jsonl"


def read_reports(store: Store, run: str) -> list[TrainingReport]:
    """All that was logged of a run, in the order of writing; a step that was taken twice is there twice.

    Raises:
        Damaged: TRAINING_LOG_DAMAGED.
    """
    folder = f"{RUNS}/{run}/log"
    return [report for name in _parts(store, folder) for report in _read_part(store, f"{folder}/{name}")]


def _parts(store: Store, folder: str) -> list[str]:
    return sorted(name for name in store.names(folder) if _PART.fullmatch(name))


def _read_part(store: Store, path: str) -> list[TrainingReport]:
    try:
        return [TrainingReport.from_row(json.loads(line)) for line in store.read(path).splitlines()]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(
            "TRAINING_LOG_DAMAGED",
            "is no log of a training",
            where=f"{store.uri}/{path}",
            why=str(error),
            fix="delete it: the curve then lacks its steps, the training nothing",
        ) from error
