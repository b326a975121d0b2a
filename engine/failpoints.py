"""Named places at which a test kills the process, so that "it survives a crash there" is checked and not believed."""

from __future__ import annotations

import os
import signal
from collections import Counter

VARIABLE = "MYCANVAS_FAILPOINT"
NAMES = (
    "mid_encode",
    "after_tmp_write",
    "after_fsync",
    "before_link",
    "after_link",
    "before_replace",
    "after_data",
    "after_failures",
    "after_receipt",
    "after_lock",
    "after_extent",
    "mid_manifest",
    "after_scores",
    "mid_gc",
)

_reached: Counter[str] = Counter()


def reach(name: str) -> None:
    """Die here by SIGKILL if ``MYCANVAS_FAILPOINT`` is ``name`` or ``name:nth`` (counted from 1); else do nothing."""
    armed = os.environ.get(VARIABLE)
    if armed is None:
        return
    wanted, _, nth = armed.partition(":")
    _reached[name] += 1
    if wanted == name and _reached[name] == int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
