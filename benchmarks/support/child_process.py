"""Fresh processes, each with a time limit: what one run warms up or leaks, the next must not see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MYCANVAS = (sys.executable, "-c", "from jobs.cli.process import run; run()")
_TAIL = 2000  # bytes of stderr that are worth repeating


class ChildFailed(RuntimeError):
    """A process of a benchmark ended badly; its last words are the message."""


def environment() -> dict[str, str]:
    """Ours, with the repository importable in the child and in whatever it starts."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def call(command: Sequence[str], *, timeout_s: float) -> str:
    """Run a command in the repository's root; returns what it printed.

    Its words go to files, not to pipes: a daemon that it leaves behind would keep a pipe open and us waiting.

    Raises:
        ChildFailed: it ended with another code than 0, or did not end in time.
    """
    told = f"{Path(command[0]).name} {' '.join(command[1:5])}"
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=out, stderr=err)
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise ChildFailed(f"{told} took more than {timeout_s:g} s") from error
        finally:
            child.kill()
            child.wait()
        err.seek(max(0, err.seek(0, os.SEEK_END) - _TAIL))
        if code:
            raise ChildFailed(f"{told} ended with {code}: {err.read().decode(errors='replace')}")
        out.seek(0)
        return out.read().decode()


def ask(module: str, *arguments: object, timeout_s: float) -> Any:
    """Run a module with arguments; returns the JSON on the last line that it prints."""
    printed = call([sys.executable, "-m", module, *map(str, arguments)], timeout_s=timeout_s)
    return json.loads(printed.strip().splitlines()[-1])


def mycanvas(*arguments: object, timeout_s: float) -> str:
    """Run the `mycanvas` command of this repository; returns its stdout."""
    return call([*MYCANVAS, *map(str, arguments)], timeout_s=timeout_s)
