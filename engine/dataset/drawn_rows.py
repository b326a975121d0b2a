"""Drawn pictures as a source: rows that are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from engine.rows.evaluated import EvaluatedImage
from engine.rows.generated import GeneratedImage
from engine.rows.schema import column_names, from_table
from engine.run.pipeline import Source
from engine.run.sources import PLANNED
from engine.run.unit import Unit
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from engine.storage.receipts import data_path


@final
@dataclass(frozen=True)
class DrawnRows(Source):
    """The pictures of a dataset of `GeneratedImage`."""

    dataset: str

    @property
    def planned(self) -> tuple[str, ...]:
        return (*PLANNED, "of", "status")

    def unit(self, unit_id: int) -> Unit:
        """The unit's rows."""
        columns = column_names(GeneratedImage, stored=True)
        with open_shard(open_store(self.dataset), data_path(unit_id)) as shard:
            rows: list[Any] = from_table(GeneratedImage, shard.read(columns=list(columns)), columns)
        return Unit.from_plan(
            unit_id,
            (
                EvaluatedImage(sample_id=row.sample_id, unit_id=row.unit_id, seed=row.seed, of=row, status=row.status)
                for row in rows
            ),
        )
