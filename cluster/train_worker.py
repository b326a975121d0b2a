"""The worker side of a training: its context over Ray Train."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, final

import ray.train
from ray.train.collective import broadcast_from_rank_zero
from ray.util.queue import Queue

from engine.errors import MyCanvasError, to_json
from engine.storage.open_store import open_store
from engine.training.checkpoints import Checkpoint, Checkpoints
from engine.training.recorder import RunRecorder
from engine.training.resources import TrainingResources, TrainingStorage
from engine.training.spec import TrainingSpec


def train_in_worker(config: Mapping[str, Any]) -> str:
    """What every worker does; the problem that ended it as text, or nothing."""
    spec: TrainingSpec = config["spec"]
    with tempfile.TemporaryDirectory(prefix="mc-train-") as scratch:
        try:
            given = config["storage"], config["resources"], Path(scratch), config["reports"]
            context = RayTrainContext(spec.run, *given)
            try:
                spec.train(context)
            finally:
                context.finish()  # a checkpoint that is under way is stored, whatever ended the training
        except MyCanvasError as error:
            if ray.train.get_context().get_world_size() > 1:  # the others wait for this one: Ray ends them all
                raise
            return to_json(error)
    return ""


@final
class RayTrainContext:
    """The context of one worker. Rank 0 stores checkpoints and reports.

    Args:
        run: name of the run.
        storage: where it reads and writes.
        resources: what each worker has.
        scratch: an empty folder on this disk, for the checkpoint to go on from.
        reports: to the driver.
    """

    def __init__(
        self, run: str, storage: TrainingStorage, resources: TrainingResources, scratch: Path, reports: Queue
    ) -> None:
        context = ray.train.get_context()
        self.rank: int = context.get_world_rank()
        self.world_size: int = context.get_world_size()
        self.threads, self.data, self.out = resources.cpus_per_worker, storage.data, storage.out
        self._checkpoints = Checkpoints(open_store(storage.work), run)
        found = self._fetch(scratch)
        self.checkpoint = found.folder if found else None
        self._recorder = RunRecorder(self._checkpoints, found)
        self._reports, self._scratch = reports, scratch
        self._beside = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def _fetch(self, scratch: Path) -> Checkpoint | None:
        """The last checkpoint that rank 0 can read, on this disk: all ranks go on from the same one."""
        found = self._checkpoints.fetch_latest(scratch) if self.rank == 0 else None
        if self.world_size == 1:
            return found
        step: int | None = broadcast_from_rank_zero(found.step if found else None)
        return found if self.rank == 0 or step is None else self._checkpoints.fetch(step, scratch / "checkpoint")

    def report(self, step: int, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        """Store the checkpoint and tell the driver, beside the next steps; one that is not stored yet is waited for.

        Not by `ray.train.report`, which waits until the controller has looked: half a second, in which nobody trains.

        Raises:
            EnvironmentProblem: what storing the report before raised: DISK_FULL, STORE_DENIED, STORE_FAILED.
        """
        if self.rank != 0:
            return
        seconds = self._recorder.seconds()
        kept = Path(tempfile.mkdtemp(prefix="checkpoint-", dir=self._scratch)) if checkpoint else None
        if checkpoint is not None and kept is not None:
            for file in checkpoint.iterdir():  # the folder goes when this returns
                shutil.move(file, kept / file.name)
        self.finish()
        self._last = self._beside.submit(self._store, step, metrics, kept, seconds)

    def finish(self) -> None:
        """Wait for the last report.

        Raises:
            EnvironmentProblem: as `report`.
        """
        if self._last is not None:
            self._last.result()

    def _store(self, step: int, metrics: Mapping[str, float], checkpoint: Path | None, seconds: float) -> None:
        self._reports.put(self._recorder.record(step, metrics, checkpoint, seconds).to_row())
        if checkpoint is not None:
            shutil.rmtree(checkpoint)
