"""The worker side of a training: its context over Ray Train, and the way of its reports to the driver."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import ray.train
from ray.train import UserCallback
from ray.train.collective import broadcast_from_rank_zero
from ray.util.queue import Queue

from engine.errors import MyCanvasError, to_json
from engine.storage.open_store import open_store
from engine.training.checkpoints import Checkpoint, Checkpoints
from engine.training.recorder import RunRecorder
from engine.training.resources import TrainingResources, TrainingStorage
from engine.training.spec import TrainingSpec


@final
class ForwardReports(UserCallback):  # type: ignore[misc]  # ray has no types
    """Hands what rank 0 reports to the driver. Ray Train calls it in its controller, a process beside the driver's."""

    def __init__(self, reports: Queue) -> None:
        self._reports = reports

    def after_report(self, run_context: Any, metrics: Sequence[Mapping[str, Any]], checkpoint: Any) -> None:
        """Called when all ranks have reported; `metrics` are by rank."""
        del run_context, checkpoint  # ours lie behind a store
        self._reports.put(dict(metrics[0]))


def train_in_worker(config: Mapping[str, Any]) -> str:
    """What every worker does; the problem that ended it as text, or nothing."""
    spec: TrainingSpec = config["spec"]
    with tempfile.TemporaryDirectory(prefix="mc-train-") as scratch:
        try:
            spec.train(RayTrainContext(spec.run, config["storage"], config["resources"], Path(scratch)))
        except MyCanvasError as error:
            if ray.train.get_context().get_world_size() > 1:  # the others wait for this one: Ray ends them all
                raise
            return to_json(error)
    return ""


@final
class RayTrainContext:
    """The context of one worker. Rank 0 stores checkpoints; Ray Train carries the reports.

    Args:
        run: name of the run.
        storage: where it reads and writes.
        resources: what each worker has.
        scratch: an empty folder on this disk, for the checkpoint to go on from.
    """

    def __init__(self, run: str, storage: TrainingStorage, resources: TrainingResources, scratch: Path) -> None:
        context = ray.train.get_context()
        self.rank: int = context.get_world_rank()
        self.world_size: int = context.get_world_size()
        self.threads, self.data, self.out = resources.cpus_per_worker, storage.data, storage.out
        self._checkpoints = Checkpoints(open_store(storage.work), run)
        found = self._fetch(scratch)
        self.checkpoint = found.folder if found else None
        self._recorder = RunRecorder(self._checkpoints, found)

    def _fetch(self, scratch: Path) -> Checkpoint | None:
        """The last checkpoint that rank 0 can read, on this disk: all ranks go on from the same one."""
        found = self._checkpoints.fetch_latest(scratch) if self.rank == 0 else None
        if self.world_size == 1:
            return found
        step: int | None = broadcast_from_rank_zero(found.step if found else None)
        return found if self.rank == 0 or step is None else self._checkpoints.fetch(step, scratch / "checkpoint")

    def report(self, step: int, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        """Store the checkpoint, then report to Ray Train, which waits until it has taken the report before."""
        ray.train.report(self._recorder.record(step, metrics, checkpoint).to_row())
