"""Drawn pictures as a source: rows that are measured."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, final

from engine.rows.evaluated import EvaluatedImage
from engine.rows.generated import GeneratedImage
from engine.rows.schema import column_names, from_table
from engine.rows.values import Failure
from engine.run.pipeline import Source
from engine.run.sources import PLANNED
from engine.run.unit import Unit
from engine.storage.open_store import open_store
from engine.storage.parquet import read_shard
from engine.storage.receipts import data_path
from engine.storage.unit_summary import derive


@final
@dataclass(frozen=True)
class DrawnRows(Source):
    """The pictures of a dataset of `GeneratedImage`, in its own units. One that was not drawn has failed here too."""

    dataset: str

    @property
    def planned(self) -> tuple[str, ...]:
        return (*PLANNED, "of", "status")

    def unit(self, unit_id: int) -> Unit:
        """The unit's rows.

        Raises:
            Damaged: those of `engine.storage.parquet.read_shard` and `engine.storage.unit_summary.derive`.
        """
        columns, path = column_names(GeneratedImage, stored=True), data_path(unit_id)
        data = open_store(self.dataset).read(path)
        with read_shard(io.BytesIO(data), path) as shard:
            drawn: list[Any] = from_table(GeneratedImage, shard.read(columns=list(columns)), columns)
        rows = [
            EvaluatedImage(sample_id=row.sample_id, unit_id=unit_id, seed=row.seed, of=row, status=row.status)
            for row in drawn
        ]
        lost = derive(data, unit_id)[1]
        rows += [EvaluatedImage(sample_id=each.sample_id, unit_id=unit_id, seed=each.seed) for each in lost]
        why = [Failure(stage=each.stage, code=each.code, message=each.message) for each in lost]
        return Unit(unit_id, tuple(rows), (*(None for _ in drawn), *why), {})
