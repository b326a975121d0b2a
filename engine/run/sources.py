"""Where rows come from: pure functions of a unit's number, so that ten million samples start as fast as ten."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

from engine.errors import Damaged
from engine.photos.listing import Photo, from_jsonl
from engine.rows.added_scores import AddedScores
from engine.rows.composition import Composition, Placement
from engine.rows.cutout import Cutout
from engine.rows.schema import column_names, from_table
from engine.rows.values import Failure
from engine.run.pipeline import Source
from engine.run.unit import Unit
from engine.seeds import sample_id, sample_seed
from engine.storage.extents import Extents
from engine.storage.lock import PHOTOS
from engine.storage.parquet import open_shard, read_shard
from engine.storage.receipts import data_path
from engine.storage.stores import open_store
from engine.storage.unit_summary import derive

PLANNED = ("sample_id", "unit_id", "seed")


@final
@dataclass(frozen=True)
class Samples(Source):
    """Compositions: an id and a seed; everything else follows from them.

    `status` is what a row has from the beginning: where no gate follows, every row that is made is accepted.
    """

    extents: Extents
    seed: int
    status: str = ""

    def unit(self, unit_id: int) -> Unit:
        names = [sample_id(index) for index in range(*self.extents.span(unit_id))]
        seeds = [sample_seed(self.seed, name) for name in names]
        return Unit.from_plan(
            unit_id,
            (
                Composition(sample_id=name, unit_id=unit_id, seed=seed, status=self.status)
                for name, seed in zip(names, seeds, strict=True)
            ),
        )

    @property
    def planned(self) -> tuple[str, ...]:
        return PLANNED


@final
@dataclass(frozen=True)
class Photos(Source):
    """Photos of the catalogue that was locked with the library."""

    extents: Extents
    seed: int
    library: str

    @cached_property
    def _catalogue(self) -> tuple[Photo, ...]:
        return from_jsonl(open_store(self.library).read(PHOTOS))

    def unit(self, unit_id: int) -> Unit:
        return Unit.from_plan(unit_id, (self._row(index, unit_id) for index in range(*self.extents.span(unit_id))))

    @property
    def planned(self) -> tuple[str, ...]:
        return (*PLANNED, "source", "concept", "class_name", "license", "ensemble")

    def _row(self, index: int, unit_id: int) -> Cutout:
        photo, name = self._catalogue[index], sample_id(index)
        return Cutout(
            sample_id=name,
            unit_id=unit_id,
            seed=sample_seed(self.seed, name),
            source=photo.source,
            concept=photo.concept,
            class_name=photo.class_name,
            license=photo.license,
            ensemble=photo.ensemble,
        )


@final
@dataclass(frozen=True)
class CommittedRows(Source):
    """Compositions that are committed, to be scored again: with their image, words, casts and placements.

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
            columns = [name for name in column_names(Composition, stored=True) if name in shard.schema_arrow.names]
            rows = from_table(Composition, shard.read(columns=columns), columns)
        return Unit.from_plan(unit_id, (self._row(row) for row in rows))

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


@final
@dataclass(frozen=True)
class Layouts(Source):
    """Compositions that were laid out by an earlier run; a row that could not be is as failed here as it is there."""

    extents: Extents
    layouts: str
    drawn: Extents
    columns: tuple[str, ...]

    @property
    def planned(self) -> tuple[str, ...]:
        return self.columns

    def unit(self, unit_id: int) -> Unit:
        """The unit's rows, which may lie in other units of the layouts, in the order of their samples.

        Raises:
            Damaged: LAYOUTS_LACK, and those of `engine.storage.unit_summary.derive`.
        """
        span = range(*self.extents.span(unit_id))
        there = sorted({self.drawn.unit_of(index) for index in span})
        found = {row.sample_id: (row, failure) for unit in there for row, failure in self._read(unit)}
        wanted = [sample_id(index) for index in span]
        if lost := [name for name in wanted if name not in found]:
            fix = "run `mycanvas layout` again: it makes what is missing"
            raise Damaged("LAYOUTS_LACK", f"lack samples: {lost[:5]}", where=self.layouts, fix=fix)
        rows = tuple(replace(found[name][0], unit_id=unit_id) for name in wanted)
        return Unit(unit_id, rows, tuple(found[name][1] for name in wanted), {})

    def _read(self, unit: int) -> Iterator[tuple[Composition, Failure | None]]:
        path = data_path(unit)
        try:
            data = open_store(self.layouts).read(path)
        except FileNotFoundError:
            return
        with read_shard(io.BytesIO(data), path) as shard:
            rows = from_table(Composition, shard.read(columns=list(self.columns)), self.columns)
        yield from ((row, None) for row in rows)
        for lost in derive(data, unit)[1]:
            blank = Composition(sample_id=lost.sample_id, unit_id=unit, seed=lost.seed)
            yield blank, Failure(stage=lost.stage, code=lost.code, message=lost.message)
