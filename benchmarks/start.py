"""How long a newcomer waits: for the first help text, and for the demo."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.child import call, mycanvas
from benchmarks.figure import Figure, spread

HELPS, HELP_S = 10, 0.4
COMPOSITIONS, DEMO_S = 64, 120.0
LIMIT_S = 900.0


def run() -> list[Figure]:
    """The installed command, as it would be typed; one call before the others warms the disk."""
    command = [str(Path(sys.executable).with_name("mycanvas")), "--help"]
    helped = [_seconds(command) for _ in range(HELPS + 1)][1:]
    with tempfile.TemporaryDirectory(prefix="mcb") as out:
        began = time.monotonic()
        mycanvas("demo", "-n", COMPOSITIONS, "-o", out, timeout_s=LIMIT_S)
        demo = time.monotonic() - began
    middle = median(helped)
    return [
        Figure("mycanvas --help", f"< {HELP_S} s", f"{middle:.2f} s", middle < HELP_S, spread(helped)),
        Figure(
            f"make demo after install, {COMPOSITIONS} compositions",
            f"<= {DEMO_S:g} s",
            f"{demo:.0f} s",
            demo <= DEMO_S,
            "photos, library, compositions at 512 px, manifest, gallery; one run",
        ),
    ]


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    call(command, timeout_s=60.0)
    return time.perf_counter() - began
