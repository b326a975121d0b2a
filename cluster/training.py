"""Train as a Ray Train job: one process per worker, checkpoints and log behind a store, the same call is the resume.

Nothing relies on an end in good order. A worker or node that dies is replaced and goes on from the last checkpoint; a
driver that dies leaves checkpoints and log behind, and the next call with the same spec and storage goes on from them.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from engine.errors import EnvironmentProblem, MyCanvasError, from_json
from engine.storage.open_store import open_store
from engine.training.checkpoints import Checkpoints
from engine.training.reports import ReportLog, TrainingReport
from engine.training.resources import CPU_ENVIRONMENT, TrainingResources, TrainingStorage
from engine.training.spec import TrainingSpec

if TYPE_CHECKING:
    from ray.train.torch import TorchTrainer
    from ray.util.queue import Queue

DEATHS_ALLOWED = 3  # of worker processes without a new checkpoint; errors of ours are never tried again
RESIZE_EVERY_S = 30.0  # a group that grows begins anew from its last checkpoint
ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # the end waits for the next check; by default they are 2 s apart
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",  # importing torch on a busy machine takes its time
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # checkpoints are made by the step: a warning would change nothing
}

ELASTIC = {"RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "60"}
"""A group is planned for the nodes that Ray calls alive; where one is not, another is planned after this time."""
_POLL_S = 0.5


def train(
    spec: TrainingSpec, storage: TrainingStorage, resources: TrainingResources, tell: Callable[[TrainingReport], None]
) -> None:
    """Train, inside a session; `tell` is given every report, which is in the log by then or within ten seconds.

    Raises:
        MyCanvasError: what the spec raised; EnvironmentProblem TRAINING_FAILED where it raised anything else, or its
            process died again and again.
    """
    storage = storage.absolute()
    log = ReportLog(open_store(storage.work), spec.run)
    queue = _open_queue()
    outcome: list[MyCanvasError | None] = []
    # Ray Train would take over Ctrl-C if it ran in the main thread, and end the command with exit code 0.
    thread = threading.Thread(target=lambda: outcome.append(_fit(spec, storage, resources, queue)), daemon=True)
    thread.start()
    try:
        for report in _reports(queue, thread):
            log.append(report)
            tell(report)
    finally:
        log.flush()
        queue.shutdown(force=True)
    if outcome[0] is not None:
        raise outcome[0]


def _open_queue() -> Queue:
    """A queue beside the driver, from the worker of rank 0 to it."""
    import ray
    from ray.util.queue import Queue
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})


def _reports(queue: Queue, thread: threading.Thread) -> Iterator[TrainingReport]:
    """Reports as they come, until the training has ended and none is left."""
    from ray.util.queue import Empty

    while True:
        running = thread.is_alive()
        try:
            row = queue.get(block=running, timeout=_POLL_S)
        except Empty:
            if not running:
                return
        else:
            yield TrainingReport.from_row(row)


def _fit(
    spec: TrainingSpec, storage: TrainingStorage, resources: TrainingResources, queue: Queue
) -> MyCanvasError | None:
    """Run Ray Train jobs until one ends by itself, or dies without a new checkpoint; its problem, or None."""
    environment = ENVIRONMENT | (ELASTIC if resources.elastic else {})
    os.environ.update({key: value for key, value in environment.items() if key not in os.environ})
    checkpoints = Checkpoints(open_store(storage.work), spec.run)
    while True:
        before = checkpoints.steps()
        problem = _fit_once(spec, storage, resources, queue)
        if problem is None or problem.code != "TRAINING_FAILED" or checkpoints.steps() == before:
            return problem


def _fit_once(
    spec: TrainingSpec, storage: TrainingStorage, resources: TrainingResources, queue: Queue
) -> MyCanvasError | None:
    try:
        with tempfile.TemporaryDirectory(prefix="mc-ray-train-") as scratch:  # for Ray Train's own notes
            problem = _trainer(spec, storage, resources, queue, scratch).fit().return_value
    except Exception as error:  # noqa: BLE001 - carried to the thread that waits
        return _named_problem(spec.name, error)
    return from_json(problem) if problem else None


def _trainer(
    spec: TrainingSpec, storage: TrainingStorage, resources: TrainingResources, queue: Queue, scratch: str
) -> TorchTrainer:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from cluster.train_worker import train_in_worker

    cpus, gpus = resources.cpus_per_worker, {"GPU": 1} if resources.use_gpu else {}
    return TorchTrainer(
        train_in_worker,
        train_loop_config={"spec": spec, "storage": storage, "resources": resources, "reports": queue},
        scaling_config=ScalingConfig(
            num_workers=(resources.num_workers, resources.max_workers) if resources.elastic else resources.num_workers,
            use_gpu=resources.use_gpu,
            elastic_resize_monitor_interval_s=RESIZE_EVERY_S,
            resources_per_worker={"CPU": cpus} | gpus,
        ),
        run_config=RunConfig(
            name=spec.run,
            storage_path=scratch,
            failure_config=FailureConfig(max_failures=DEATHS_ALLOWED),
            worker_runtime_env={"env_vars": {**CPU_ENVIRONMENT, "OMP_NUM_THREADS": str(cpus)}},
        ),
    )


def _named_problem(name: str, error: Exception) -> MyCanvasError:
    """The problem of ours inside an error of Ray Train's, or that error with a name."""
    failures = list(getattr(error, "worker_failures", {}).values()) or [error]
    for failure in failures:
        inner = getattr(failure, "cause", failure)
        if isinstance(inner, MyCanvasError):
            return inner
    last = [line for line in str(failures[0]).splitlines() if line.strip()][-1:] or [type(failures[0]).__name__]
    return EnvironmentProblem(
        "TRAINING_FAILED",
        f"the training of {name!r} ended before its time",
        why=last[0].strip(),
        fix="the same command again goes on from the last checkpoint; fewer --workers need less memory",
    )
