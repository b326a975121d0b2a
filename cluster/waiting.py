"""Words while a cluster is waited for: a silent command looks like one that hangs."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

TELL_EVERY_S = 4.0


@contextmanager
def tell_waiting(what: str) -> Iterator[None]:
    """Say every four seconds what is waited for, to whoever looks on at a terminal, while the block runs."""
    over = threading.Event()

    def tell() -> None:
        began = time.monotonic()
        while not over.wait(TELL_EVERY_S):
            sys.stderr.write(f"waiting for {what}  {time.monotonic() - began:.0f} s\n")

    if sys.stderr.isatty():
        threading.Thread(target=tell, daemon=True).start()
    try:
        yield
    finally:
        over.set()
