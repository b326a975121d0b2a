"""Words while a cluster is waited for: a silent command looks like one that hangs."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, nullcontext

from engine.ticking import tick

TELL_EVERY_S = 4.0


def tell_waiting(what: str) -> AbstractContextManager[None]:
    """Say every four seconds what is waited for, to whoever looks on at a terminal, while the block runs."""
    began = time.monotonic()

    def tell() -> None:
        sys.stderr.write(f"waiting for {what}  {time.monotonic() - began:.0f} s\n")

    return tick(TELL_EVERY_S, tell) if sys.stderr.isatty() else nullcontext()
