"""A deadline that ends the process: the only cure for a call that never returns."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

GRACE_S = 5.0
TICK_S = 1.0  # a longer gap between two looks is a pause
EXIT_CODE = 75  # EX_TEMPFAIL: the work may be tried again


@contextlib.contextmanager
def deadline(seconds: float, on_expiry: Callable[[], None]) -> Iterator[None]:
    """End this process when the block takes longer than `seconds`, after calling `on_expiry`.

    A thread does it politely, and counts only the time in which this process runs: one that was stopped, or a machine
    that slept, is no hanging call. Where the block holds the interpreter lock, no thread can run: then faulthandler's C
    thread, armed a little later, prints every stack and ends the process.
    """
    over = threading.Event()
    threading.Thread(target=_watch, args=(seconds, over, on_expiry), daemon=True).start()
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # stderr without a file descriptor: no second line
        faulthandler.dump_traceback_later(seconds + GRACE_S, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        yield
    finally:
        over.set()
        faulthandler.cancel_dump_traceback_later()


def _watch(seconds: float, over: threading.Event, on_expiry: Callable[[], None]) -> None:
    left = seconds
    while left > 0:
        began = time.monotonic()
        if over.wait(min(left, TICK_S)):
            return
        left -= min(time.monotonic() - began, 2 * TICK_S)
    _expire(on_expiry)


def _expire(on_expiry: Callable[[], None]) -> None:
    try:
        on_expiry()
    finally:
        os._exit(EXIT_CODE)
