"""Units through actor pools, by Ray Data: unit numbers in, receipts out; pixels never come near the driver.

One unit is one Ray Data block from start to end. Three settings keep it so, each measured on Ray 2.60:
- unit numbers are cut into one-row blocks by `repartition(..., strict=True)`: a read task's own output, however many
  blocks it yields, becomes a single block when blocks are not split;
- blocks are never split (`target_max_block_size = None`);
- a pool's `batch_size` equals the rows of a block, so none is bundled with another (with GPUs it must be a number).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray
from ray.data import ActorPoolStrategy, DataContext, Dataset
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask

from engine.errors import MyCanvasError, from_json, to_json
from engine.run.group import Group, receipts_of
from engine.run.pipeline import Pipeline
from engine.run.pool import Pool
from engine.storage.commits import CommittedUnits, Receipt

CHUNK, MOST_TASKS = 512, 256  # units per read task; a task costs the driver 1.5 ms and 10 KB
PROBLEM = "problem"
_SCHEMA = pa.schema([("unit_id", pa.int64())])
NO_PROGRESS_S = 6 * 3600  # weights of 20 GB may take their time; a stage's own timeout_s is the guard that counts


class Units(Datasource):  # type: ignore[misc]  # ray has no types
    """The numbers of the units that are still to be made, as a handful of read tasks."""

    def __init__(self, done: CommittedUnits) -> None:
        super().__init__()
        self._missing = done.missing()

    def get_name(self) -> str:
        return "Units"

    def estimate_inmemory_data_size(self) -> int:
        return int(self._missing.nbytes)

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: DataContext | None = None
    ) -> list[ReadTask]:
        """In order, so that a run that is stopped has made a prefix."""
        del parallelism, data_context
        tasks = min(MOST_TASKS, -(-len(self._missing) // CHUNK))
        return [_read_task(numbers, per_task_row_limit) for numbers in np.array_split(self._missing, tasks)]


def _read_task(numbers: NDArray[np.int64], row_limit: int | None) -> ReadTask:
    metadata = BlockMetadata(num_rows=len(numbers), size_bytes=numbers.nbytes, input_files=None, exec_stats=None)
    return ReadTask(lambda: [pa.table({"unit_id": numbers})], metadata, _SCHEMA, row_limit)


def stream(
    pipeline: Pipeline, pools: Sequence[Pool], replicas: Sequence[int], done: CommittedUnits
) -> Iterator[Receipt]:
    """Make the units that are not `done`; yields a receipt as each is committed.

    Args:
        pipeline: what to do.
        pools: where each group of it runs.
        replicas: processes of each pool; no more are started than there are units to make.
        done: which units are committed, and how many there are to be.

    Raises:
        MyCanvasError: whatever a worker raised that is not one row's fault.
    """
    if done.count == done.units:
        return
    dataset = blocks(done)
    for position, (pool, size) in enumerate(zip(pools, replicas, strict=True)):
        dataset = _through(dataset, pipeline, position, pool, min(size, done.units - done.count))
    yield from receipts(dataset)


def blocks(done: CommittedUnits) -> Dataset:
    """The numbers of the units that are still to be made, each a block of its own."""
    context = DataContext.get_current()
    context.target_max_block_size = None
    context.execution_no_progress_timeout_s = NO_PROGRESS_S
    return ray.data.read_datasource(Units(done)).repartition(target_num_rows_per_block=1, strict=True)


def receipts(made: Dataset) -> Iterator[Receipt]:
    """The receipts that workers answer with, as they come; raises the problem that one of them met."""
    warnings.filterwarnings("ignore", "The minimum number of concurrent actors")  # it counts read tasks, not units
    for batch in made.iter_batches(batch_size=None, batch_format="pyarrow"):
        yield from _receipts(batch)


def _through(dataset: Dataset, pipeline: Pipeline, position: int, pool: Pool, size: int) -> Dataset:
    return dataset.map_batches(
        _worker_class(pool),
        fn_constructor_args=(pipeline, position),
        batch_size=pipeline.unit_size if position else 1,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=size),
        num_cpus=pool.cpus,
        num_gpus=pool.gpus or None,
        memory=int(pool.memory_gb * 1024**3) or None,
    )


def _worker_class(pool: Pool) -> type:
    """The worker class under the pool's name: the dashboard calls an operator after its class."""
    return type("-".join(pool.stages), (_Worker,), {})


class _Worker:
    """A group in an actor. A problem that is no row's fault travels on as a block of its own, to stop the run by name.

    From an exception Ray hands on only text, and one in a constructor it takes for the death of the actor.
    """

    def __init__(self, pipeline: Pipeline, position: int) -> None:
        self._rows = pipeline.unit_size if position < len(pipeline.groups) - 1 else 1
        self._problem: MyCanvasError | None = None
        try:
            self._group = Group(pipeline, position)
        except MyCanvasError as error:
            self._problem = error

    def __call__(self, table: pa.Table) -> pa.Table:
        if PROBLEM in table.column_names:
            return table.slice(0, self._rows)
        try:
            if self._problem:
                raise self._problem
            return self._group(table)
        except MyCanvasError as error:
            return pa.table({PROBLEM: [to_json(error)] * self._rows})


def _receipts(batch: pa.Table) -> Iterator[Receipt]:
    if PROBLEM in batch.column_names:
        raise from_json(batch.column(PROBLEM)[0].as_py())
    yield from receipts_of(batch)
