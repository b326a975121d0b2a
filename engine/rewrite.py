"""Rows of one dataset as shards of another: which rows make which unit is fixed before anything is written.

``chosen.parquet`` of the output lists the rows in order; unit k holds the rows from ``k * unit_rows`` on. So a unit can
be made by anybody at any time, and is always the same.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.commits import Receipt, commit_unit
from engine.dataset import CHOSEN, runs
from engine.errors import Damaged
from engine.parquet import open_shard, read_shard, write_table
from engine.receipts import data_path
from engine.store import Store, open_store

PLAN = "chosen.parquet"


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a worker needs to make any unit: two places, and how many rows a unit has."""

    source: str
    out: str
    unit_rows: int

    def __call__(self, unit_id: int) -> Receipt:
        """Commit one unit; raises as `engine.commits.commit_unit`, and Damaged where rows of the source are gone."""
        source, out = open_store(self.source), open_store(self.out)
        rows = read_plan(self.out).slice(unit_id * self.unit_rows, self.unit_rows)
        tables = [_rows(source, data_path(unit), ids) for unit, ids in runs(rows)]
        table = pa.concat_tables(tables, promote_options="default")
        place = table.schema.get_field_index("unit_id")
        table = table.set_column(place, "unit_id", pa.array(np.full(table.num_rows, unit_id)))
        return commit_unit(out, unit_id, table, [], attempt=1, timings={})[0]


def write_plan(out: Store, rows: pa.Table) -> None:
    """Fix which rows the output will hold; what is there already stays."""
    out.create(PLAN, plan_bytes(rows))


def plan_bytes(rows: pa.Table) -> memoryview:
    """The file that lists rows, columns `engine.dataset.CHOSEN`."""
    return write_table(rows, metadata={})


@lru_cache(maxsize=1)
def read_plan(out: str) -> pa.Table:
    """The rows that the output holds, in order."""
    with read_shard(io.BytesIO(open_store(out).read(PLAN)), PLAN) as shard:
        return shard.read(columns=CHOSEN.names).cast(CHOSEN)


def _rows(source: Store, path: str, ids: pa.Array) -> pa.Table:
    """The rows of a shard with these ids, in its order; row groups that hold none of them are not read."""
    with open_shard(source, path) as shard:
        wanted = pc.is_in(shard.read(columns=["sample_id"]).column("sample_id"), value_set=ids).combine_chunks()
        found = np.flatnonzero(wanted.to_numpy(zero_copy_only=False))
        if len(found) != len(ids):
            raise Damaged("ROWS_GONE", f"{len(ids) - len(found)} of the chosen rows are not there", where=path)
        return pa.concat_tables(_groups(shard, found))


def _groups(shard: pq.ParquetFile, found: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Sequence[pa.Table]:
    tables, start = [], 0
    for number in range(shard.num_row_groups):
        stop = start + shard.metadata.row_group(number).num_rows
        here = found[(found >= start) & (found < stop)] - start
        if len(here):
            tables.append(shard.read_row_group(number).take(pa.array(here)))
        start = stop
    return tables
