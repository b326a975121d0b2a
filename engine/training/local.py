"""A training in this process, without a cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from engine.storage.open_store import open_store
from engine.training.checkpoints import Checkpoints
from engine.training.recorder import RunRecorder
from engine.training.reports import ReportLog, TrainingReport
from engine.training.resources import TrainingStorage
from engine.training.spec import TrainingSpec

Tell = Callable[[TrainingReport], None]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTrainContext:
    """The context of a training that has this one process. `tell` is given every report."""

    data: str
    out: str
    checkpoint: Path | None
    threads: int
    tell: Tell
    recorder: RunRecorder
    rank: int = 0
    world_size: int = 1

    def report(self, step: int, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        """Store the checkpoint, then tell."""
        self.tell(self.recorder.record(step, metrics, checkpoint))


@contextmanager
def open_local_context(
    run: str, storage: TrainingStorage, *, threads: int = 1, tell: Tell = lambda _: None
) -> Iterator[LocalTrainContext]:
    """A context that goes on from the last checkpoint of `run`.

    Raises:
        Damaged: CHECKPOINT_DAMAGED.
    """
    checkpoints = Checkpoints(open_store(storage.work), run)
    with tempfile.TemporaryDirectory(prefix="mc-train-") as scratch:
        found = checkpoints.fetch_latest(Path(scratch))
        yield LocalTrainContext(
            data=storage.data,
            out=storage.out,
            checkpoint=found.folder if found else None,
            threads=threads,
            tell=tell,
            recorder=RunRecorder(checkpoints, found),
        )


def train_locally(spec: TrainingSpec, storage: TrainingStorage, threads: int = 1, tell: Tell = lambda _: None) -> None:
    """Train in this process; the same call again goes on from the last checkpoint. `tell` is given what was logged.

    Raises:
        MyCanvasError: what the spec raises.
        Damaged: CHECKPOINT_DAMAGED, TRAINING_LOG_DAMAGED.
    """
    log = ReportLog(open_store(storage.work), spec.run)

    def note(report: TrainingReport) -> None:
        log.append(report)
        tell(report)

    try:
        with open_local_context(spec.run, storage, threads=threads, tell=note) as context:
            spec.train(context)
    finally:
        log.flush()
