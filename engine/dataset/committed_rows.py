"""Committed pictures as a source: rows that are scored again, with image, words, cast and placements.

A picture that a model drew from words is scored as a composition that names concepts and in which nothing was placed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

from engine.rows.added_scores import AddedScores
from engine.rows.composition import Composition, Placement
from engine.rows.generated import GeneratedImage
from engine.rows.kinds import record_of
from engine.rows.schema import column_names, from_table
from engine.run.pipeline import Source
from engine.run.sources import PLANNED
from engine.run.unit import Unit
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from engine.storage.receipts import data_path


@final
@dataclass(frozen=True)
class CommittedRows(Source):
    """Compositions and generated pictures that are committed, to be scored again.

    Of their pixels in flight only the masks are left; `engine.rows.composition.PlacedObject` holds them encoded.
    """

    dataset: str

    @property
    def planned(self) -> tuple[str, ...]:
        return (*PLANNED, "of", "status")

    def unit(self, unit_id: int) -> Unit:
        """The unit's rows; of an older dataset without the columns that it lacks."""
        path = data_path(unit_id)
        with open_shard(open_store(self.dataset), path) as shard:
            record = record_of(shard.schema_arrow, path)
            columns = [name for name in column_names(record, stored=True) if name in shard.schema_arrow.names]
            rows: list[Any] = from_table(record, shard.read(columns=columns), columns)
        return Unit.from_plan(unit_id, (self._row(_as_composition(row)) for row in rows))

    def _row(self, row: Composition) -> AddedScores:
        placements = tuple(
            Placement(
                cutout_id=item.cutout_id,
                box=item.box,
                flip=item.flip,
                order=item.order,
                support=item.support,
                relative_size=item.relative_size,
            )
            for item in row.objects
        )
        whole = replace(row, placements=placements, cast=tuple(item.cutout_id for item in row.objects))
        return AddedScores(sample_id=row.sample_id, unit_id=row.unit_id, seed=row.seed, of=whole, status=row.status)


def _as_composition(row: Any) -> Composition:
    if not isinstance(row, GeneratedImage):
        return row  # type: ignore[no-any-return]  # `mycanvas score` takes no other kinds
    return Composition(
        sample_id=row.sample_id, unit_id=row.unit_id, seed=row.seed, concepts=row.concepts, caption=row.caption,
        image=row.image, status=row.status,
    )  # fmt: skip
