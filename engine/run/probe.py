"""Work tried in a process of its own: where it kills or hangs that one, whoever asked lives on and knows it."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.run.journal import KILLED, TIMED_OUT
from engine.run.watchdog import EXIT_CODE

TRIES = 2
"""A process may be killed from outside once; a row that does it does it again."""


def death_of(work: Callable[..., Any], *arguments: Any) -> str:
    """Do some work in a fresh process, once more if that dies.

    Args:
        work: a function of a module; what it raises is ignored.
        arguments: of it, which can be sent to another process.

    Returns:
        "" where the process lives on, whatever else becomes of it; or ROW_KILLED, ROW_TIMEOUT.
    """
    code = ""
    for _ in range(TRIES):
        child = multiprocessing.get_context("spawn").Process(target=_survive, args=(work, *arguments), daemon=True)
        child.start()
        child.join()
        if child.exitcode == 0:
            return ""
        code = TIMED_OUT if child.exitcode == EXIT_CODE else KILLED
    return code


def _survive(work: Callable[..., Any], *arguments: Any) -> None:
    """Errors that have a name, and all others, are met again by whoever asked: here only death counts."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as this process lives
    try:
        work(*arguments)
    finally:
        os._exit(0)
