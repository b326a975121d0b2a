"""Shares of a cluster that several runs use: who holds what, in the order in which they asked.

Ray hands out cores one by one: of two runs that each want all of them, each got some, and both waited for ever. So a
run writes down what its pools take before it starts them, in the key-value store of Ray's control service, and what
does not fit beside earlier claims waits. A claim ends with its driver.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from cluster.private_cluster import SOURCE_CPUS
from cluster.session import Capacity
from engine.errors import UsageError
from engine.run.pool import Pool
from planners.capacity.replicas import replicas

NAMESPACE = b"mycanvas-claims"
EVERY_S, TELL_EVERY_S = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a run holds; without `decided` it still waits, and so does whoever asked later."""

    number: int
    job: str
    label: str
    decided: bool = False
    cpus: float = 0.0
    gpus: float = 0.0
    memory_gb: float = 0.0


@contextmanager
def claimed_replicas(
    pools: Sequence[Pool], capacity: Capacity, label: str, say: Callable[[str], None]
) -> Iterator[tuple[int, ...]]:
    """Replicas of each pool, as many as the cluster holds beside what earlier runs hold while the block runs.

    Waits where not one of each pool fits beside them; `say` is told who holds what.

    Raises:
        UsageError: those of `planners.capacity.replicas.replicas`.
    """
    if not capacity.shared:
        yield replicas(pools, cpus=capacity.cpus, gpus=capacity.gpus, memory_gb=capacity.memory_gb)
        return
    mine = _ask(label)
    try:
        yield _wait_for_share(mine, pools, capacity, say)
    finally:
        _forget(mine.number)


def _ask(label: str) -> _Claim:
    """The next number, in the order of asking; putting a key that is absent succeeds for one."""
    import ray

    job = ray.get_runtime_context().get_job_id()
    while True:
        mine = _Claim(max((claim.number for claim in _claims()), default=0) + 1, job, label)
        if _write(mine, overwrite=False):
            return mine


def _wait_for_share(
    mine: _Claim, pools: Sequence[Pool], capacity: Capacity, say: Callable[[str], None]
) -> tuple[int, ...]:
    told, told_at = "", 0.0
    while True:
        earlier = [claim for claim in _claims() if claim.number < mine.number]
        sizes = _fit(pools, capacity, earlier) if all(claim.decided for claim in earlier) else None
        if sizes:
            _decide(mine, pools, sizes)
            return sizes
        text = _waiting(earlier, capacity)
        if text != told or time.monotonic() - told_at > TELL_EVERY_S:
            told, told_at = text, time.monotonic()
            say(text)
        time.sleep(EVERY_S)


def _fit(pools: Sequence[Pool], capacity: Capacity, earlier: Sequence[_Claim]) -> tuple[int, ...] | None:
    """Replicas beside earlier claims; none where they must be waited for."""
    try:
        return replicas(
            pools,
            cpus=capacity.cpus - sum(claim.cpus for claim in earlier),
            gpus=max(capacity.gpus - sum(math.ceil(claim.gpus) for claim in earlier), 0),
            memory_gb=capacity.memory_gb - sum(claim.memory_gb for claim in earlier),
        )
    except UsageError:
        if not earlier:
            raise
        return None


def _decide(mine: _Claim, pools: Sequence[Pool], sizes: Sequence[int]) -> None:
    def total(key: str) -> float:
        return float(sum(getattr(pool, key) * size for pool, size in zip(pools, sizes, strict=True)))

    cpus = total("cpus") + SOURCE_CPUS
    held = replace(mine, decided=True, cpus=cpus, gpus=total("gpus"), memory_gb=total("memory_gb"))
    _write(held, overwrite=True)


def _waiting(earlier: Sequence[_Claim], capacity: Capacity) -> str:
    holders = [
        f"{claim.label} holds {claim.cpus:g} CPUs" + (f", {claim.gpus:g} GPUs" if claim.gpus else "")
        if claim.decided
        else f"{claim.label} waits before this one"
        for claim in earlier
    ]
    there = f"of {capacity.cpus + SOURCE_CPUS:g} CPUs" + (f" and {capacity.gpus:g} GPUs" if capacity.gpus else "")
    return f"waiting for a share {there}: {'; '.join(holders)}"


def _claims() -> list[_Claim]:
    """Claims of live drivers, in order; those of others are removed."""
    from ray._private import state

    dead = {job["JobID"] for job in state.jobs() if job["IsDead"]}
    found = []
    for key in _store().internal_kv_keys(b"", NAMESPACE):
        stored = _store().internal_kv_get(key, NAMESPACE)
        if stored is None:
            continue  # forgotten meanwhile
        claim = _Claim(**json.loads(stored))
        if claim.job in dead:
            _forget(claim.number)
        else:
            found.append(claim)
    return sorted(found, key=lambda claim: claim.number)


def _write(claim: _Claim, *, overwrite: bool) -> bool:
    """Whether the number was free."""
    return bool(_store().internal_kv_put(_key(claim.number), json.dumps(asdict(claim)).encode(), overwrite, NAMESPACE))


def _forget(number: int) -> None:
    _store().internal_kv_del(_key(number), False, NAMESPACE)


def _key(number: int) -> bytes:
    return str(number).encode()


def _store() -> Any:
    """The client of Ray's control service."""
    from ray._private import worker

    return worker.global_worker.gcs_client
