"""What the engine costs: against the bound that its slowest stage sets, and against a plain Ray Data script."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pyarrow.parquet as pq

from benchmarks.speed.load import REPLICAS, SLEEP_S
from benchmarks.support.child_process import ask
from benchmarks.support.figure import Figure, spread

UNIT_SIZE = 64
SAMPLES = 24 * UNIT_SIZE
BLOCK_ROWS = (16, 32, 64, 128)
ROUNDS = 5
LIMIT_S = 300.0
BOTTLENECK = max(REPLICAS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: samples a second after start-up, and seconds from the plan to the last file, start-up included."""

    steady: float
    wall_s: float


def run() -> list[Figure]:
    """The plain script tries its block sizes; then both take turns."""
    tried = {rows: plain(rows).steady for rows in BLOCK_ROWS}
    best = max(tried, key=lambda rows: tried[rows])
    own, other, bounds = [], [], []
    for _ in range(ROUNDS):
        outcome, share = ours()
        own.append(outcome)
        bounds.append(share)
        other.append(plain(best))
    ratios = [one.steady / two.steady for one, two in zip(own, other, strict=True)]
    ratio = median(one.steady for one in own) / median(two.steady for two in other)
    walls = median(one.wall_s for one in own), median(two.wall_s for two in other)
    sizes = ", ".join(f"{rows}: {speed:.1f}/s" for rows, speed in tried.items())
    return [
        Figure(
            "compose against its bottleneck's bound",
            ">= 0.93",
            median(bounds),
            median(bounds) >= 0.93,
            f"{spread(bounds)}; {BOTTLENECK / SLEEP_S:g} samples/s is the bound of {BOTTLENECK} replicas",
        ),
        Figure(
            "compose against a plain Ray Data script",
            ">= 0.97",
            ratio,
            ratio >= 0.97,
            f"pairs {spread(ratios)}; plain by rows a block {sizes}; with start-up {walls[0]:.1f} s, theirs "
            f"{walls[1]:.1f} s",
        ),
    ]


def ours() -> tuple[Outcome, float]:
    """A run of the engine: its outcome, and its share of the bound by the arrival of receipts at the driver."""
    with tempfile.TemporaryDirectory(prefix="mcb") as out:
        told = ask("benchmarks.speed.stream_ours", SAMPLES, UNIT_SIZE, out, timeout_s=LIMIT_S)
        outcome = Outcome(speed(_written(Path(out, "data"))), told["wall_s"])
    return outcome, speed(told["arrivals"]) * SLEEP_S / BOTTLENECK


def plain(rows: int) -> Outcome:
    """A run of the plain script."""
    with tempfile.TemporaryDirectory(prefix="mcb") as out:
        told = ask("benchmarks.speed.stream_plain", SAMPLES, rows, out, timeout_s=LIMIT_S)
        return Outcome(speed(_written(Path(out))), told["wall_s"])


def speed(arrivals: Sequence[tuple[float, int]]) -> float:
    """Samples a second, the first third left out, at most what the bottleneck can do.

    That third is start-up: pools start one after the other, and what waits before the last of them comes out in a
    burst. On a busy machine the burst lasts longer; nothing else goes faster than the bottleneck, hence the limit.
    The clock begins with the arrival of a block, so n blocks by r replicas take n / r times one block's time.
    """
    ordered = sorted(arrivals)
    first = len(ordered) // 3
    rate = sum(rows for _, rows in ordered[first:]) / (ordered[-1][0] - ordered[first - 1][0])
    return min(rate, BOTTLENECK / SLEEP_S)


def _written(folder: Path) -> list[tuple[float, int]]:
    """When each file was finished, seconds since 1970, and how many rows it holds."""
    return [(path.stat().st_mtime, pq.read_metadata(path).num_rows) for path in folder.glob("*.parquet")]
