"""How many replicas of each pool a cluster holds: arithmetic alone, so that it can be checked without a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from engine.errors import UsageError
from engine.run.pool import Pool

_STEPS = 10_000  # Ray's own grain: resources are counted in ten-thousandths


def replicas(pools: Sequence[Pool], *, cpus: float, gpus: float, memory_gb: float) -> tuple[int, ...]:
    """Replicas of each pool, max-min fair: no pool has one more while one that has fewer could still grow.

    Every pool first gets its `min_replicas`, then the pool with the fewest grows, as long as it fits. A replica that
    asks for a part of a GPU lies on one GPU, as Ray places it, so GPUs are packed one by one (best fit) and three
    replicas of 0.6 need three GPUs. A pool that asks for nothing stays at its minimum.

    Args:
        pools: in the order of the pipeline; a tie goes to the earlier one.
        cpus: cores of the cluster that are free for pools.
        gpus: whole GPUs of the cluster.
        memory_gb: memory of the cluster that workers may reserve, GiB.

    Raises:
        UsageError: CAPACITY when the minimum does not fit, naming pool and shortage; GPU_FRACTION for 1.5 GPUs.
    """
    free = _Free(round(cpus * _STEPS), [_STEPS] * int(gpus), round(memory_gb * _STEPS))
    counts = [0] * len(pools)
    whole_cards_first = sorted(range(len(pools)), key=lambda number: (-pools[number].gpus, number))
    for number in whole_cards_first:
        pool = pools[number]
        if pool.gpus > 1 and pool.gpus != int(pool.gpus):
            raise UsageError(
                "GPU_FRACTION",
                f"a replica asks for {pool.gpus:g} GPUs",
                where=_name(pool),
                fix="a whole number, or < 1",
            )
        for _ in range(pool.min_replicas):
            if not free.take(pool):
                raise _does_not_fit(pool, pools, (cpus, gpus, memory_gb))
            counts[number] += 1
    growing = {number for number, pool in enumerate(pools) if pool.cpus or pool.gpus}
    while growing:
        number = min(growing, key=lambda candidate: (counts[candidate], candidate))
        limit = pools[number].max_replicas
        if (limit is None or counts[number] < limit) and free.take(pools[number]):
            counts[number] += 1
        else:
            growing.discard(number)  # what is free only shrinks: it will not fit later either
    return tuple(counts)


@final
class _Free:
    """What is left of a cluster, in ten-thousandths."""

    def __init__(self, cpus: int, gpus: list[int], memory: int) -> None:
        self._cpus, self._free, self._memory = cpus, gpus, memory

    def take(self, pool: Pool) -> bool:
        """Reserve one replica of `pool`; False, and nothing is taken, when it does not fit."""
        cpus, gpus, memory = (round(each * _STEPS) for each in (pool.cpus, pool.gpus, pool.memory_gb))
        chosen = self._whole(gpus // _STEPS) if gpus >= _STEPS else self._with_room(gpus)
        if cpus > self._cpus or memory > self._memory or chosen is None:
            return False
        self._cpus -= cpus
        self._memory -= memory
        for gpu in chosen:
            self._free[gpu] -= min(gpus, _STEPS)
        return True

    def _whole(self, count: int) -> list[int] | None:
        untouched = [gpu for gpu, left in enumerate(self._free) if left == _STEPS]
        return untouched[:count] if len(untouched) >= count else None

    def _with_room(self, part: int) -> list[int] | None:
        if not part:
            return []
        fitting = [gpu for gpu, left in enumerate(self._free) if left >= part]
        return [min(fitting, key=lambda gpu: (self._free[gpu], gpu))] if fitting else None


def _does_not_fit(pool: Pool, pools: Sequence[Pool], there: tuple[float, float, float]) -> UsageError:
    """Why one replica too many was asked for; `there` are CPUs, GPUs and GiB of memory."""
    asked = [sum(getattr(each, key) * each.min_replicas for each in pools) for key in ("cpus", "gpus", "memory_gb")]
    short = [
        f"{wanted:g} {what} asked, {has:g} there"
        for what, wanted, has in zip(("CPUs", "GPUs", "GiB of memory"), asked, there, strict=True)
        if wanted > has
    ] or [f"{asked[1]:g} GPUs asked of {there[1]:g}, but a replica must lie on one GPU"]
    return UsageError(
        "CAPACITY",
        f"the cluster cannot hold one set of replicas: {'; '.join(short)}",
        where=f"pool {_name(pool)}",
        why=f"one replica of it needs {pool.cpus:g} CPUs, {pool.gpus:g} GPUs and {pool.memory_gb:g} GiB",
        fix="add machines, lower what a pool asks for, or put more stages into one pool",
    )


def _name(pool: Pool) -> str:
    return "+".join(pool.stages)
