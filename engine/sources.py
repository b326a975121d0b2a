"""Where rows come from: pure functions of a unit's number, so that ten million samples start as fast as ten."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

from engine.extents import Extents
from engine.photos import CATALOGUE, Photo, from_jsonl
from engine.pipeline import Source
from engine.records import Composition, Cutout
from engine.seeds import sample_id, sample_seed
from engine.store import open_store


@final
@dataclass(frozen=True)
class Samples(Source):
    """Compositions: an id and a seed; everything else follows from them."""

    extents: Extents
    seed: int

    def rows(self, unit_id: int) -> list[Composition]:
        start, stop = self.extents.span(unit_id)
        names = [sample_id(index) for index in range(start, stop)]
        return [Composition(sample_id=name, unit_id=unit_id, seed=sample_seed(self.seed, name)) for name in names]

    @property
    def planned(self) -> tuple[str, ...]:
        return ("sample_id", "unit_id", "seed")


@final
@dataclass(frozen=True)
class Photos(Source):
    """Photos of the catalogue that was locked with the library."""

    extents: Extents
    seed: int
    library: str

    @cached_property
    def _catalogue(self) -> tuple[Photo, ...]:
        return from_jsonl(open_store(self.library).read(CATALOGUE))

    def rows(self, unit_id: int) -> list[Cutout]:
        start, stop = self.extents.span(unit_id)
        return [self._row(index, unit_id) for index in range(start, stop)]

    @property
    def planned(self) -> tuple[str, ...]:
        return ("sample_id", "unit_id", "seed", "source", "concept", "class_name", "license", "ensemble")

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
