"""Fresh processes, each with a time limit: what one run warms up or leaks, the next must not see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MYCANVAS = (sys.executable, "-c", "from jobs.cli import main; main()")
_TAIL = 2000  # characters of stderr that are worth repeating


class ChildFailed(RuntimeError):  # noqa: N818
    """A process of a benchmark ended badly; its last words are the message."""


def environment() -> dict[str, str]:
    """Ours, with the repository importable in the child and in whatever it starts."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def call(command: Sequence[str], *, timeout_s: float) -> str:
    """Run a command in the repository's root; returns what it printed.

    Raises:
        ChildFailed: it ended with another code than 0, or did not end in time.
    """
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ChildFailed(f"{' '.join(command[:4])} took more than {timeout_s:g} s") from error
    if done.returncode:
        raise ChildFailed(f"{' '.join(command[:4])} ended with {done.returncode}: {done.stderr[-_TAIL:]}")
    return done.stdout


def ask(module: str, *arguments: object, timeout_s: float) -> Any:
    """Run a module with arguments; returns the JSON on the last line that it prints."""
    printed = call([sys.executable, "-m", module, *map(str, arguments)], timeout_s=timeout_s)
    return json.loads(printed.strip().splitlines()[-1])


def mycanvas(*arguments: object, timeout_s: float) -> str:
    """Run the `mycanvas` command of this repository; returns its stdout."""
    return call([*MYCANVAS, *map(str, arguments)], timeout_s=timeout_s)
