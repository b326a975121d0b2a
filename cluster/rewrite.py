"""A dataset's units, each made by itself out of another dataset: reading, writing, no models.

What a worker does here cannot hang on one row or end its process, so there is no journal and no guard: a unit that
fails ends the run by name, and the same command goes on with what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import final

import pyarrow as pa
from ray.data import ActorPoolStrategy

from cluster.stream import PROBLEM, blocks, receipts
from engine.errors import MyCanvasError, to_json
from engine.run.pool import Pool
from engine.storage.commits import CommittedUnits, Receipt
from engine.training.resources import CPU_ENVIRONMENT

KEEPING = {**CPU_ENVIRONMENT, "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Workers keep the memory that they have: a unit of 64 MB took 0.7 s, and 1.6 s where each buffer was fresh pages."""


def rewrite(
    make: Callable[[int], Receipt], pools: Sequence[Pool], replicas: Sequence[int], done: CommittedUnits
) -> Iterator[Receipt]:
    """Make the units that are not `done`; yields a receipt as each is committed.

    Args:
        make: commits the unit with a number; goes to the workers.
        pools: one; what each worker needs.
        replicas: how many workers.
        done: which units are committed, and how many there are to be.

    Raises:
        MyCanvasError: whatever a worker raised.
    """
    if done.count == done.units:
        return
    (pool,), (size,) = pools, replicas
    made = blocks(done).map_batches(
        Rewriting,
        fn_constructor_args=(make,),
        batch_size=1,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=min(size, done.units - done.count)),
        num_cpus=pool.cpus,
        memory=int(pool.memory_gb * 1024**3) or None,
        runtime_env={"env_vars": KEEPING},
    )
    yield from receipts(made)


def rewrite_here(make: Callable[[int], Receipt], done: CommittedUnits) -> Iterator[Receipt]:
    """As `rewrite`, in this process."""
    return (make(int(unit_id)) for unit_id in done.missing())


@final
class Rewriting:
    """A worker of the pool. The dashboard calls it after its class."""

    def __init__(self, make: Callable[[int], Receipt]) -> None:
        self._make = make

    def __call__(self, table: pa.Table) -> pa.Table:
        try:
            made = [json.dumps(asdict(self._make(unit_id))) for unit_id in table.column("unit_id").to_pylist()]
        except MyCanvasError as error:
            return pa.table({PROBLEM: [to_json(error)]})
        return pa.table({"receipt": made})
