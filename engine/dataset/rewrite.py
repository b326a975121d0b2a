"""Rows of one dataset as shards of another: which rows make which unit is fixed before anything is written.

``chosen.parquet`` of the output lists the rows in order; unit k holds the rows from ``k * unit_rows`` on. So a unit can
be made by anybody at any time, and is always the same.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from engine.dataset.views import CHOSEN, Dataset
from engine.storage.commits import Receipt, commit_unit
from engine.storage.lock import PLAN
from engine.storage.open_store import open_store
from engine.storage.parquet import read_shard, write_table
from engine.storage.store import Store


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a worker needs to make any unit: two places, and how many rows a unit has."""

    source: str
    out: str
    unit_rows: int

    def __call__(self, unit_id: int) -> Receipt:
        """Commit one unit; raises as `commit_unit` does, and Damaged where rows of the source are gone."""
        rows = read_plan(self.out).slice(unit_id * self.unit_rows, self.unit_rows)
        chosen = Dataset(self.source, open_store(self.source), rows, {})
        table = pa.concat_tables(chosen.tables(), promote_options="default")
        place = table.schema.get_field_index("unit_id")
        table = table.set_column(place, "unit_id", pa.array(np.full(table.num_rows, unit_id)))
        return commit_unit(open_store(self.out), unit_id, table, [], attempt=1, timings={})[0]


def write_plan(out: Store, rows: pa.Table) -> None:
    """Fix which rows the output will hold; what is there already stays."""
    out.create(PLAN, write_table(rows, metadata={}))


@lru_cache(maxsize=1)
def read_plan(out: str) -> pa.Table:
    """The rows that the output holds, in order."""
    with read_shard(io.BytesIO(open_store(out).read(PLAN)), PLAN) as shard:
        return shard.read(columns=CHOSEN.names).cast(CHOSEN)
