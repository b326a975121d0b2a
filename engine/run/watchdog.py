"""A deadline that ends the process: the only cure for a call that never returns."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
from collections.abc import Callable, Iterator

GRACE_S = 5.0
EXIT_CODE = 75  # EX_TEMPFAIL: the work may be tried again


@contextlib.contextmanager
def deadline(seconds: float, on_expiry: Callable[[], None]) -> Iterator[None]:
    """End this process when the block takes longer than `seconds`, after calling `on_expiry`.

    A thread does it politely. Where the block holds the interpreter lock, no thread can run: then faulthandler's C
    thread, armed a little later, prints every stack and ends the process.
    """
    expired = threading.Timer(seconds, _expire, [on_expiry])
    expired.daemon = True
    expired.start()
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # stderr without a file descriptor: no second line
        faulthandler.dump_traceback_later(seconds + GRACE_S, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        yield
    finally:
        expired.cancel()
        faulthandler.cancel_dump_traceback_later()


def _expire(on_expiry: Callable[[], None]) -> None:
    try:
        on_expiry()
    finally:
        os._exit(EXIT_CODE)
