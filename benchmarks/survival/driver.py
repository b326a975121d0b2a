"""A `mycanvas` command as a process that may be killed, with the workers that its private cluster started."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Self, final

import psutil

from benchmarks.support.child_process import MYCANVAS, ROOT, ChildFailed, environment

_WORKER = "ray::MapWorker"  # how Ray names the process of an actor of a pool
_GONE_S = 60.0


@final
class Driver:
    """Runs while the ``with`` block does; nothing of it is left afterwards."""

    def __init__(self, arguments: list[str], limit_s: float) -> None:
        self._deadline = time.monotonic() + limit_s
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process that writes to it
        self._process = subprocess.Popen(
            [*MYCANVAS, *arguments], cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=self._words
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill_all()

    def ended(self, *, before: Callable[[], bool]) -> bool:
        """Wait until the command ends or `before` holds; True when it ended, well, first.

        Raises:
            ChildFailed: it ended badly, or neither happened in time.
        """
        while not before():
            code = self._process.poll()
            if code == 0:
                return True
            if code is not None:
                self._words.seek(0)
                raise ChildFailed(f"mycanvas ended with {code}: {self._words.read()[-2000:].decode(errors='replace')}")
            if time.monotonic() > self._deadline:
                raise ChildFailed("mycanvas took too long")
            time.sleep(0.01)
        return False

    def workers(self) -> list[psutil.Process]:
        """Processes that work on units now."""
        return [process for process in self._family() if _title(process).startswith(_WORKER)]

    def kill_all(self) -> None:
        """SIGKILL to the driver alone; returns when its workers have noticed and ended by themselves.

        They may work on for seconds, and commit. Two agents of Ray that never touch data live a minute longer: they
        are killed here, so that they do not pile up.

        Raises:
            ChildFailed: a worker did not end.
        """
        family, workers = self._family(), self.workers()
        self._process.kill()
        self._process.wait()
        _, alive = psutil.wait_procs(workers, timeout=_GONE_S)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if alive:
            raise ChildFailed(f"{len(alive)} workers outlived their driver by {_GONE_S:g} s")

    def _family(self) -> list[psutil.Process]:
        try:
            return list(psutil.Process(self._process.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return []


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
