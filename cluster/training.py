"""Train a course as a Ray Train job: one process per worker, checkpoints on storage, the same call again is the resume.

Nothing relies on an end in good order. A worker that dies is replaced and goes on from the last checkpoint; a driver
that dies leaves checkpoints and log behind, and the next call with the same course and folder goes on from them.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from engine.errors import EnvironmentProblem, MyCanvasError, from_json, to_json
from engine.training.course import MALLOC, Course

DEATHS_ALLOWED = 3  # of worker processes; errors of ours are never tried again
ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # a report waits for the next check; by default they are 2 s apart
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",  # importing torch on a busy machine takes its time
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # checkpoints are made by the step: a warning would change nothing
}
_POLL_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a training happens. Folders are absolute, and every node sees them.

    Attributes:
        data: folder of the rendered Toybox sets.
        out: folder of the family.
        work: checkpoints (``runs/<part>-<digest of the course>/``) and logs (``logs/<part>.jsonl``).
        workers: processes that train together.
        cores: CPU cores of each.
        gpu: whether each has a GPU.
    """

    data: Path
    out: Path
    work: Path
    workers: int = 1
    cores: int = 1
    gpu: bool = False

    def log(self, part: str) -> Path:
        """One JSON object a line: run, step, seconds of training so far, and what the course measured."""
        return self.work / "logs" / f"{part}.jsonl"


def run_name(course: Course) -> str:
    """Of the folder in which a training keeps its checkpoints: another course begins another one."""
    return f"{course.part}-{course.digest()}"


def train(course: Course, place: Place, tell: Callable[[Mapping[str, Any]], None]) -> None:
    """Train a course, inside a session; `tell` is given every line of its log that is written meanwhile.

    Raises:
        MyCanvasError: what the course raised; EnvironmentProblem TRAINING_FAILED where it raised anything else, or its
            process died again and again.
    """
    log = place.log(course.part)
    log.parent.mkdir(parents=True, exist_ok=True)
    place.out.mkdir(parents=True, exist_ok=True)
    lines = _follow_log(log)
    outcome: list[object] = []
    # Ray Train would take over Ctrl-C if it ran in the main thread, and end the command with exit code 0.
    thread = threading.Thread(target=lambda: outcome.append(_fit(course, place)), daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_POLL_S)
        for line in lines:
            if line is None:
                break
            tell(line)
    if isinstance(outcome[0], Exception):
        raise outcome[0]


def _fit(course: Course, place: Place) -> Exception | None:
    """Run the Ray Train job to its end; the problem that ended it, or None."""
    os.environ.update({key: value for key, value in ENVIRONMENT.items() if key not in os.environ})
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    trainer = TorchTrainer(
        _work,
        train_loop_config={"course": course, "place": place},
        scaling_config=ScalingConfig(
            num_workers=place.workers, use_gpu=place.gpu, resources_per_worker={"CPU": place.cores} | _gpu(place)
        ),
        run_config=RunConfig(
            name=run_name(course),
            storage_path=str(place.work / "runs"),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
            failure_config=FailureConfig(max_failures=DEATHS_ALLOWED),
            worker_runtime_env={"env_vars": {**MALLOC, "OMP_NUM_THREADS": str(place.cores)}},
        ),
    )
    try:
        problem = trainer.fit().return_value
    except Exception as error:  # noqa: BLE001 - carried to the thread that waits
        return _named_problem(course, error)
    return from_json(problem) if problem else None


def _gpu(place: Place) -> dict[str, float]:
    return {"GPU": 1} if place.gpu else {}


def _named_problem(course: Course, error: Exception) -> MyCanvasError:
    """The problem of ours inside an error of Ray Train's, or that error with a name."""
    failures = list(getattr(error, "worker_failures", {}).values()) or [error]
    for failure in failures:
        inner = getattr(failure, "cause", failure)
        if isinstance(inner, MyCanvasError):
            return inner
    last = [line for line in str(failures[0]).splitlines() if line.strip()][-1:] or [type(failures[0]).__name__]
    return EnvironmentProblem(
        "TRAINING_FAILED",
        f"the training of {course.part!r} ended before its time",
        why=last[0].strip(),
        fix="the same command again goes on from the last checkpoint; fewer --workers need less memory",
    )


def _work(config: Mapping[str, Any]) -> str:
    """What every worker does: train at a desk of Ray Train's; the text of the problem that ended it, or nothing."""
    import ray.train

    course, place = config["course"], config["place"]
    world = ray.train.get_context().get_world_size()
    try:
        checkpoint = ray.train.get_checkpoint()
        if checkpoint is None:
            course.train(RayDesk(course, place, None))
        else:
            with checkpoint.as_directory() as folder:
                course.train(RayDesk(course, place, Path(folder)))
    except MyCanvasError as error:
        if world > 1:  # the others wait for this one: Ray ends them all
            raise
        return to_json(error)
    return ""


@final
class RayDesk:
    """A desk inside a worker of Ray Train."""

    def __init__(self, course: Course, place: Place, resume: Path | None) -> None:
        import ray.train

        context = ray.train.get_context()
        self.rank: int = context.get_world_rank()
        self.world: int = context.get_world_size()
        self.data, self.out, self.threads, self.resume = place.data, place.out, place.cores, resume
        self._log, self._run = place.log(course.part), run_name(course)
        self._before = _seconds(self._log, self._run) if resume is not None else 0.0
        self._started = time.monotonic()

    def report(self, step: int, values: Mapping[str, float], checkpoint: Path | None) -> None:
        """Hand a checkpoint to Ray Train, which copies it to storage; then write a line of the log.

        Without a checkpoint Ray Train has nothing to do, and is not kept waiting for.
        """
        import ray.train

        if checkpoint is not None:
            ray.train.report({"step": step, **values}, checkpoint=ray.train.Checkpoint.from_directory(checkpoint))
        if self.rank == 0:
            seconds = round(self._before + time.monotonic() - self._started, 3)
            line = json.dumps({"run": self._run, "step": step, "seconds": seconds, **values})
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")


def _seconds(log: Path, run: str) -> float:
    """How long a run had trained when it last said so."""
    return max((line["seconds"] for line in read_log(log) if line["run"] == run), default=0.0)


def read_log(log: Path) -> Iterator[dict[str, Any]]:
    """The lines of a log; those that a kill cut off are left out."""
    if not log.exists():
        return
    for text in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and {"run", "step", "seconds"} <= line.keys():
            yield line


def _follow_log(log: Path) -> Iterator[dict[str, Any] | None]:
    """Lines as they are appended from now on; None when there is none yet."""
    log.touch()
    with log.open(encoding="utf-8", errors="replace") as file:
        file.seek(0, os.SEEK_END)
        rest = ""
        while True:
            rest += file.readline()
            if not rest.endswith("\n"):
                yield None
                continue
            with contextlib.suppress(ValueError):
                yield json.loads(rest)
            rest = ""
