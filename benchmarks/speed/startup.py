"""How long a newcomer waits, for the first help text and for the demo, and how much memory the demo takes."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Self

import psutil

from benchmarks.support.child_process import call, mycanvas
from benchmarks.support.figure import Figure, spread

HELPS, HELP_S = 10, 0.4
COMPOSITIONS, DEMO_S, DEMO_GB = 64, 150.0, 6.0
LIMIT_S = 900.0


def run() -> list[Figure]:
    """The installed command, as it would be typed; one call before the others warms the disk."""
    command = [str(Path(sys.executable).with_name("mycanvas")), "--help"]
    helped = [_seconds(command) for _ in range(HELPS + 1)][1:]
    with tempfile.TemporaryDirectory(prefix="mcb") as out:
        began = time.monotonic()
        with _Memory() as memory:
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
            "photos, library, compositions at 256 px with the micro family, manifest, gallery; one run",
        ),
        Figure(
            "memory of the demo, all processes",
            f"<= {DEMO_GB:g} GB",
            f"{memory.peak / 1e9:.1f} GB",
            memory.peak <= DEMO_GB * 1e9,
            "resident, pages that several processes share counted once (PSS); highest of samples a second apart",
        ),
    ]


class _Memory:
    """The most memory that the processes below this one, daemons of theirs included, held at one time."""

    def __enter__(self) -> Self:
        self.peak, self._over = 0, threading.Event()
        self._before = {process.pid for process in psutil.process_iter()}
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            # Ray's daemons leave the tree of their parents: all that began meanwhile and is ours counts.
            ours = (process for process in psutil.process_iter() if process.pid not in self._before)
            self.peak = max(self.peak, sum(map(_pss, ours)))


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss) if process.uids().real == os.getuid() else 0
    except psutil.Error:
        return 0


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    call(command, timeout_s=60.0)
    return time.perf_counter() - began
