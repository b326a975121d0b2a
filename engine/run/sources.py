"""Where rows come from: pure functions of a unit's number, so that ten million samples start as fast as ten."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, final

from engine.errors import Damaged, UsageError
from engine.registry import Registry
from engine.rows.schema import from_table
from engine.rows.values import Failure
from engine.run.pipeline import Source
from engine.run.unit import Unit
from engine.seeds import sample_id, sample_seed
from engine.storage.extents import Extents
from engine.storage.lock import LISTED, PHOTOS
from engine.storage.open_store import open_store
from engine.storage.parquet import read_shard
from engine.storage.receipts import data_path
from engine.storage.store import Store
from engine.storage.unit_summary import derive

PLANNED = ("sample_id", "unit_id", "seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a source is built from.

    Attributes:
        record: of its rows.
        extents: how many samples there are, and which unit holds which.
        seed: root seed.
        out: where the rows are committed; what was locked beside them is read from there.
        status: that rows have from the beginning; empty where a stage judges them.
    """

    record: type[Any]
    extents: Extents
    seed: int
    out: str
    status: str = ""

    def unit(self, unit_id: int, columns: Callable[[int], Mapping[str, Any]] = lambda _: {}) -> Unit:
        """A unit of rows with id and seed, and what `columns` says of each index, which may be another seed."""
        known = {"status": self.status} if self.status else {}
        rows = (
            self.record(sample_id=name, unit_id=unit_id, **{"seed": sample_seed(self.seed, name), **known, **told})
            for index in range(*self.extents.span(unit_id))
            for name, told in [(sample_id(index), columns(index))]
        )
        return Unit.from_plan(unit_id, rows)

    @property
    def planned(self) -> tuple[str, ...]:
        """The columns that every row has from the beginning."""
        return (*PLANNED, "status") if self.status else PLANNED


@final
@dataclass(frozen=True)
class Samples(Source):
    """An id and a seed; everything else follows from them."""

    origin: Origin

    def unit(self, unit_id: int) -> Unit:
        return self.origin.unit(unit_id)

    @property
    def planned(self) -> tuple[str, ...]:
        return self.origin.planned


@final
@dataclass(frozen=True)
class ListedRows(Source):
    """Rows that files beside the lock list, a JSON object with columns of the record on each line."""

    origin: Origin
    columns: tuple[str, ...]
    files: str
    """A file; or a folder, with a slash at its end, whose files are read one after the other."""

    @cached_property
    def _listed(self) -> tuple[Mapping[str, Any], ...]:
        store = open_store(self.origin.out)
        folder = self.files.removesuffix("/")
        files = [self.files] if folder == self.files else [f"{folder}/{name}" for name in sorted(store.names(folder))]
        return tuple(json.loads(line) for file in files for line in store.read(file).decode().splitlines())

    def unit(self, unit_id: int) -> Unit:
        return self.origin.unit(unit_id, self._columns)

    @property
    def planned(self) -> tuple[str, ...]:
        return (*self.origin.planned, *self.columns)

    def _columns(self, index: int) -> Mapping[str, Any]:
        return {name: self._listed[index][name] for name in self.columns}


def photos(origin: Origin) -> Source:
    """The photos of a library, see `engine.photos.photo_log`."""
    return ListedRows(origin, ("source", "concept", "class_name", "license", "ensemble", "mask"), f"{PHOTOS}/")


def write_listing(store: Store, rows: Sequence[Mapping[str, Any]]) -> None:
    """Fix what `ListedRows` will read from `LISTED`; rows may be added behind those that are listed.

    Raises:
        UsageError: RUN_CHANGED where others are listed.
    """
    content = "".join(json.dumps(dict(row), sort_keys=True) + "\n" for row in rows).encode()
    if store.create(LISTED, content):
        return
    listed = store.read(LISTED)
    if content.startswith(listed):
        store.put(LISTED, content)
    elif not listed.startswith(content):
        fix = "give the same ones, in the same order, and more behind them; or another place"
        raise UsageError("RUN_CHANGED", "was begun with other rows", where=f"{store.uri}/{LISTED}", fix=fix)


SOURCES: Registry[Callable[[Origin], Source]] = Registry(
    "source of rows", {"photos": "engine.run.sources:photos", "samples": "engine.run.sources:Samples"}
)


@final
@dataclass(frozen=True)
class PhaseRows(Source):
    """Rows that an earlier phase committed; one that failed there has failed here too.

    Attributes:
        origin: of the rows as they go on.
        committed: URI of the earlier phase's output.
        drawn: its extents.
        columns: those that it stored.
    """

    origin: Origin
    committed: str
    drawn: Extents
    columns: tuple[str, ...]

    @property
    def planned(self) -> tuple[str, ...]:
        return self.columns

    def unit(self, unit_id: int) -> Unit:
        """The unit's rows, which may lie in other units of the earlier phase, in the order of their samples.

        Raises:
            Damaged: LAYOUTS_LACK, and those of `engine.storage.unit_summary.derive`.
        """
        span = range(*self.origin.extents.span(unit_id))
        there = sorted({self.drawn.unit_of(index) for index in span})
        found = {row.sample_id: (row, failure) for unit in there for row, failure in self._read(unit)}
        wanted = [sample_id(index) for index in span]
        if lost := [name for name in wanted if name not in found]:
            fix = "run `mycanvas layout` again: it makes what is missing"
            raise Damaged("LAYOUTS_LACK", f"lack samples: {lost[:5]}", where=self.committed, fix=fix)
        rows = tuple(replace(found[name][0], unit_id=unit_id) for name in wanted)
        return Unit(unit_id, rows, tuple(found[name][1] for name in wanted), {})

    def _read(self, unit: int) -> Iterator[tuple[Any, Failure | None]]:
        path = data_path(unit)
        try:
            data = open_store(self.committed).read(path)
        except FileNotFoundError:
            return
        record: type[Any] = self.origin.record
        with read_shard(io.BytesIO(data), path) as shard:
            rows: Sequence[Any] = from_table(record, shard.read(columns=list(self.columns)), self.columns)
        yield from ((row, None) for row in rows)
        for lost in derive(data, unit)[1]:
            blank = record(sample_id=lost.sample_id, unit_id=unit, seed=lost.seed)
            yield blank, Failure(stage=lost.stage, code=lost.code, message=lost.message)
