"""How many samples make a unit: large enough that scheduling is free, small enough that every replica has work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST_S, LONGEST_S = 15.0, 60.0
"""Seconds that the slowest stage works on a unit: Ray Data's scheduler ticks every 0.1 to 0.15 s, and a killed worker
costs at most one unit."""
UNITS_PER_REPLICA = 4
MOST_BYTES = 1 << 30
"""Of raw rows in one unit: it must lie in a worker's memory several times over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast one pool works."""

    seconds_per_sample: float
    replicas: int


def unit_size(samples: int, paces: Sequence[Pace], *, row_bytes: int = 0) -> int:
    """Samples per unit.

    Where the wishes collide the order is: fits in memory, then four units for every replica, then 15 to 60 s of
    work for the slowest stage. Within those bounds units take the geometric middle, 30 s.

    Args:
        samples: of the whole run.
        paces: of every pool.
        row_bytes: raw bytes of a row in flight; 0 sets no limit.
    """
    slowest = max((pace.seconds_per_sample for pace in paces), default=0.0)
    replicas = max((pace.replicas for pace in paces), default=1)
    by_time = (SHORTEST_S * LONGEST_S) ** 0.5 / slowest if slowest > 0 else float(samples)
    by_share = samples / (UNITS_PER_REPLICA * replicas)
    by_memory = MOST_BYTES / row_bytes if row_bytes else float(samples)
    return max(int(min(by_time, by_share, by_memory)), 1)
