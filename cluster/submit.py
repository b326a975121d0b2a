"""Jobs on a cluster that someone else keeps running, over its HTTP API: submitted, looked up, followed, stopped.

A token, where the cluster asks for one, comes from `RAY_AUTH_TOKEN`, `RAY_AUTH_TOKEN_PATH` or Ray's default file.
Nothing of this machine's environment travels with a job.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from engine.errors import EnvironmentProblem, UsageError

PREFIX = "mycanvas-"
TALKATIVE = ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk")  # of packages and sockets
ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})


@dataclass(frozen=True, slots=True)
class Job:
    """A submitted job: times in seconds since 1970, `exit_code` of its command once it ended by itself."""

    id: str
    status: str
    message: str
    metadata: Mapping[str, str]
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None

    @property
    def number(self) -> int:
        """How many times its run had been submitted, itself included."""
        last = self.id.rpartition("-")[2]
        return int(last) if last.isdecimal() else 0

    @property
    def live(self) -> bool:
        """Whether it still waits or runs."""
        return self.status not in ENDED


@final
class Submissions:
    """The jobs of the cluster whose API listens at `address`, such as ``http://head:8265``.

    Raises:
        EnvironmentProblem: RAY_UNREACHABLE.
    """

    def __init__(self, address: str) -> None:
        from ray.job_submission import JobSubmissionClient  # 0.7 s: only these commands pay for it

        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.ERROR)
        self._address = address
        with _explain_errors(address):
            self._client: Any = JobSubmissionClient(address)

    def submit(
        self, run: str, command: str, folder: Path, metadata: Mapping[str, str], variables: Mapping[str, str]
    ) -> tuple[Job, bool]:
        """Start a run, unless it is under way; the job, and whether it is a new one.

        Args:
            run: a hash of all that is asked for. Runs of one hash get ids that count up: an id is never used again.
            command: what the cluster's shell runs inside a copy of `folder`.
            folder: what travels.
            metadata: shown by `jobs`.
            variables: of the environment of the command and of its workers; whoever sees the dashboard can read them.

        Raises:
            EnvironmentProblem: RAY_UNREACHABLE.
        """
        earlier = [job for job in self.jobs() if job.id.startswith(f"{PREFIX}{run}-")]
        for job in earlier:
            if job.live:
                return job, False
        name = f"{PREFIX}{run}-{max((job.number for job in earlier), default=0) + 1}"
        try:
            with _explain_errors(self._address):
                self._client.submit_job(
                    entrypoint=command,
                    submission_id=name,
                    runtime_env={"working_dir": str(folder), "env_vars": dict(variables)},
                    metadata=dict(metadata),
                )
        except EnvironmentProblem:
            twin = next((job for job in self.jobs() if job.id == name and job.live), None)
            if twin is None:
                raise
            return twin, False  # someone else submitted the same run at the same time
        return self.job(name), True

    def jobs(self) -> list[Job]:
        """This engine's jobs, the latest last.

        Raises:
            EnvironmentProblem: RAY_UNREACHABLE.
        """
        with _explain_errors(self._address):
            listed = [_job(details) for details in self._client.list_jobs()]
        return sorted((job for job in listed if job.id.startswith(PREFIX)), key=lambda job: job.started or 0.0)

    def job(self, name: str) -> Job:
        """The job of that id.

        Raises:
            UsageError: JOB_UNKNOWN.
            EnvironmentProblem: RAY_UNREACHABLE.
        """
        found = next((job for job in self.jobs() if job.id == name), None)
        if found is None:
            raise UsageError(
                "JOB_UNKNOWN", f"the cluster has no job {name!r}", where=self._address, fix="see `mycanvas status`"
            )
        return found

    def logs(self, name: str) -> str:
        """All that the job has written."""
        self.job(name)
        with _explain_errors(self._address):
            return str(self._client.get_job_logs(name))

    def follow(self, name: str) -> Iterator[str]:
        """What the job writes, as it writes it, until it ends."""
        self.job(name)
        with _explain_errors(self._address), asyncio.Runner() as runner:
            pieces = self._client.tail_job_logs(name)
            while (piece := runner.run(_next(pieces))) is not None:
                yield piece

    def stop(self, name: str) -> bool:
        """End the job; whether it was still there to be ended. What it committed stays."""
        self.job(name)
        with _explain_errors(self._address):
            return bool(self._client.stop_job(name))


async def _next(pieces: Any) -> str | None:
    return await anext(pieces, None)


def _job(details: Any) -> Job:
    def seconds(milliseconds: int | None) -> float | None:
        return None if milliseconds is None else milliseconds / 1000

    return Job(
        id=details.submission_id or "",
        status=str(getattr(details.status, "value", details.status)),
        message=details.message or "",
        metadata=details.metadata or {},
        started=seconds(details.start_time),
        ended=seconds(details.end_time),
        exit_code=details.driver_exit_code,
    )


@contextmanager
def _explain_errors(address: str) -> Iterator[None]:
    """Errors of Ray's client, which are those of any library that it uses, as one of ours."""
    try:
        yield
    except (EnvironmentProblem, UsageError):
        raise
    except Exception as error:
        raise EnvironmentProblem(
            "RAY_UNREACHABLE",
            "the cluster does not take jobs from here",
            where=f"--address {address}",
            why=(str(error).strip() or type(error).__name__).splitlines()[0],
            fix="give the address of its dashboard, http://head:8265; if it asks for a token, set RAY_AUTH_TOKEN",
        ) from error
