"""Jobs on a cluster that someone else keeps running, over its HTTP API: submitted, looked up, followed, stopped.

Commands run in the Python that runs Ray there, whether or not its environment is activated. Nothing of this machine's
environment travels with a job.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from cluster.job_api import NO_AGENT, connect, explain_errors
from cluster.waiting import tell_waiting
from engine.errors import EnvironmentProblem, UsageError

PREFIX = "mycanvas-"
QUESTION = "preflight-mycanvas-"
ASK_S, READY_S, LOOK_EVERY_S = 120.0, 30.0, 0.2
FIND_PYTHON = (
    "RAYLET=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$PPID/status 2>/dev/null);"
    " PYTHON=$(tr '\\0' '\\n' < /proc/$RAYLET/cmdline 2>/dev/null"
    " | sed -n 's/^--python_worker_command=\\([^ ]*\\) .*/\\1/p');"
    ' exec "${PYTHON:-python}"'
)
"""The shell's parent is a process of Ray, whose parent, the raylet, has its Python among its arguments."""
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
        EnvironmentProblem: RAY_UNREACHABLE, RAY_TOKEN.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client = connect(address)

    def submit(
        self, run: str, command: str, folder: Path, metadata: Mapping[str, str], variables: Mapping[str, str]
    ) -> tuple[Job, bool]:
        """Start a run, unless it is under way; the job, and whether it is a new one.

        Args:
            run: a hash of all that is asked for. Runs of one hash get ids that count up: an id is never used again.
            command: arguments of the cluster's Python, for its shell; it runs inside a copy of `folder`.
            folder: what travels.
            metadata: shown by `jobs`.
            variables: of the environment of the command and of its workers; whoever sees the dashboard can read them.

        Raises:
            EnvironmentProblem: RAY_UNREACHABLE.
        """
        earlier = self._of_run(run)
        for job in earlier:
            if job.live:
                return job, False
        name = f"{PREFIX}{run}-{max((job.number for job in earlier), default=0) + 1}"
        try:
            self._start(name, command, folder, metadata, variables)
        except EnvironmentProblem:
            twin = next((job for job in self.jobs() if job.id == name and job.live), None)
            if twin is None:
                raise
            return twin, False  # someone else submitted the same run at the same time
        return self.job(name), True

    def under_way(self, run: str) -> bool:
        """Whether the run of that hash waits or is at work."""
        return any(job.live for job in self._of_run(run))

    def _of_run(self, run: str) -> list[Job]:
        return [job for job in self.jobs() if job.id.startswith(f"{PREFIX}{run}-")]

    def ask(self, command: str, folder: Path, limit_s: float = ASK_S) -> str:
        """What a short command writes, run there like a job, of which nothing is kept.

        Raises:
            EnvironmentProblem: RAY_UNREACHABLE, also where it has not ended after `limit_s` seconds.
        """
        name = f"{QUESTION}{uuid.uuid4().hex[:12]}"
        until = time.monotonic() + limit_s
        with tell_waiting("the cluster's Python to answer"), explain_errors(self._address):
            self._start(name, command, folder, {}, {})
            try:
                while str(self._client.get_job_status(name).value) not in ENDED:
                    if time.monotonic() > until:
                        raise TimeoutError(f"a job that only looks around has not ended after {limit_s:g} s")
                    time.sleep(LOOK_EVERY_S)
                return str(self._client.get_job_logs(name))
            finally:
                with suppress(RuntimeError):  # a line that is left in Ray's list is no reason to refuse a run
                    self._client.stop_job(name)
                    self._client.delete_job(name)

    def _start(
        self, name: str, command: str, folder: Path, metadata: Mapping[str, str], variables: Mapping[str, str]
    ) -> None:
        """Hand a command over; of a head that has just been started no node may be ready to run it."""
        until = time.monotonic() + READY_S
        while True:
            try:
                with explain_errors(self._address):
                    self._client.submit_job(
                        entrypoint=f"{FIND_PYTHON} {command}",
                        submission_id=name,
                        runtime_env={"working_dir": str(folder), "env_vars": dict(variables)},
                        metadata=dict(metadata),
                    )
            except EnvironmentProblem as problem:
                if NO_AGENT not in problem.why or time.monotonic() > until:
                    raise
                time.sleep(1)
            else:
                return

    def jobs(self) -> list[Job]:
        """This engine's jobs, the latest last.

        Raises:
            EnvironmentProblem: RAY_UNREACHABLE.
        """
        with explain_errors(self._address):
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
        with explain_errors(self._address):
            return str(self._client.get_job_logs(name))

    def follow(self, name: str) -> Iterator[str]:
        """What the job writes, as it writes it, until it ends."""
        self.job(name)
        with explain_errors(self._address), asyncio.Runner() as runner:
            pieces = self._client.tail_job_logs(name)
            while (piece := runner.run(_next(pieces))) is not None:
                yield piece

    def stop(self, name: str) -> bool:
        """End the job; whether it was still there to be ended. What it committed stays."""
        self.job(name)
        with explain_errors(self._address):
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
