"""The log of a training as TensorBoard reads it, made anew from the log each time."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from engine.storage.store import Store
from engine.training.reports import TrainingReport

EVENTS = "tensorboard/events.out.tfevents.0.mycanvas"


def put_tensorboard(store: Store, reports: Sequence[TrainingReport]) -> None:
    """Put all numbers of a training under ``tensorboard/``; of a step that was taken twice, the last."""
    from tensorboardX import SummaryWriter

    with tempfile.TemporaryDirectory(prefix="mc-tensorboard-") as folder:
        with SummaryWriter(folder) as writer:
            for report in {report.step: report for report in reports}.values():
                for name, value in report.metrics.items():
                    writer.add_scalar(name, value, report.step, walltime=report.seconds)
        (made,) = Path(folder).iterdir()
        store.put(EVENTS, made.read_bytes())
