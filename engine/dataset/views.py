"""A dataset, or a view of one: a view is a list of rows of another dataset and holds no pixels.

``view.json`` says of what it is a view and how its rows were chosen; ``rows-<hash>.parquet`` beside it lists them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.dataset.row_ids import require_ids
from engine.errors import Damaged, UsageError
from engine.rows.kinds import kind_of, record_of
from engine.storage.commits import data_files
from engine.storage.hashes import digest, seal, unseal
from engine.storage.lock import LOCK
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard, read_shard, write_table
from engine.storage.receipts import data_path
from engine.storage.store import Store

VIEW = "view.json"
CHOSEN_VIEW = "chosen"
"""Folder of the view that a run's recipe asks for, in its output."""
INSIDE = ".."
"""How a view names the dataset whose folder it lies in, so that both can be moved."""
CHOSEN = pa.schema([("unit_id", pa.int64()), ("sample_id", pa.string())])
_KIND = "view"
_KEYS = {"dataset", "origin", "rows", "rows_file", "blake2b"}


@dataclass(frozen=True, slots=True)
class Dataset:
    """Committed rows.

    Attributes:
        uri: what was asked for: of the dataset, or of a view.
        store: where the rows are.
        chosen: columns `CHOSEN`, ascending; None where all rows are meant.
        view: what ``view.json`` says; empty for a dataset.
    """

    uri: str
    store: Store
    chosen: pa.Table | None
    view: Mapping[str, Any]

    def shards(self) -> Iterator[tuple[str, pa.Array | None]]:
        """The data files that hold rows of it, in unit order, each with the ids that are meant; None for all."""
        if self.chosen is None:
            yield from ((path, None) for path in data_files(self.store))
            return
        yield from ((data_path(unit_id), ids) for unit_id, ids in runs(self.chosen))

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Those columns of its rows, or all, shard by shard; of a shard that lacks a column, those that it has.

        Row groups that hold none of its rows are not read.

        Raises:
            Damaged: ROWS_GONE where a row that is meant is not there; ROWS_IDS where one has an id that is none.
        """
        for path, ids in self.shards():
            with open_shard(self.store, path) as shard:
                there = [name for name in shard.schema_arrow.names if columns is None or name in columns]
                table = shard.read(columns=there) if ids is None else _chosen_rows(shard, ids, there, path)
            require_ids(table, path)
            yield table

    def rows_there(self) -> int:
        """How many rows it has, after each was looked for.

        Raises:
            Damaged: SHARD_MISSING, ROWS_GONE.
        """
        return sum(table.num_rows for table in self.tables(["sample_id"]))

    def record(self) -> type[Any]:
        """The kind of its rows, as its first shard names it.

        Raises:
            UsageError: DATASET_EMPTY, ROWS_KIND where the shard names none that is known.
        """
        path, _ = next(self.shards(), ("", None))
        if not path:
            raise empty(self.uri)
        with open_shard(self.store, path) as shard:
            return record_of(shard.schema_arrow, self.uri)

    def require(self, *records: type) -> None:
        """Refuse what has no rows, or rows of none of these kinds.

        Raises:
            UsageError: DATASET_EMPTY, ROWS_KIND.
        """
        found = self.record()
        if found not in records:
            wanted = " or ".join(repr(kind_of(each)) for each in records)
            what = f"the rows are of the kind {kind_of(found)!r}, not {wanted}"
            raise UsageError("ROWS_KIND", what, where=self.uri, fix="give the output of another command")


def empty(where: str) -> UsageError:
    """The error of a place that holds no rows."""
    return UsageError("DATASET_EMPTY", "holds no committed unit", where=where, fix="give the --out of a compose run")


def _chosen_rows(shard: pq.ParquetFile, ids: pa.Array, columns: Sequence[str], path: str) -> pa.Table:
    wanted = pc.is_in(shard.read(columns=["sample_id"]).column("sample_id"), value_set=ids).combine_chunks()
    found = np.flatnonzero(wanted.to_numpy(zero_copy_only=False))
    if len(found) != len(ids):
        raise Damaged("ROWS_GONE", f"{len(ids) - len(found)} of the chosen rows are not there", where=path)
    tables, start = [], 0
    for number in range(shard.num_row_groups):
        stop = start + shard.metadata.row_group(number).num_rows
        here = found[(found >= start) & (found < stop)] - start
        if len(here):
            tables.append(shard.read_row_group(number, columns=list(columns)).take(pa.array(here)))
        start = stop
    return pa.concat_tables(tables)


def runs(chosen: pa.Table) -> Iterator[tuple[int, pa.Array]]:
    """Each unit of a list of rows, columns `CHOSEN`, with the ids of its rows, in order."""
    encoded = pc.run_end_encode(chosen.column("unit_id").combine_chunks())
    start = 0
    for unit_id, stop in zip(encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True):
        yield unit_id, chosen.column("sample_id").slice(start, stop - start).combine_chunks()
        start = stop


def of_ids(table: pa.Table, ids: pa.Array | None) -> pa.Table:
    """The rows of `table` whose `sample_id` is meant."""
    return table if ids is None else table.filter(pc.is_in(table.column("sample_id"), value_set=ids))


def open_dataset(uri: str) -> Dataset:
    """A dataset, or the view that lies at `uri`.

    Raises:
        UsageError: VIEW_SOURCE where the dataset of a view is gone.
        Damaged: SEAL_BROKEN, VIEW_ROWS where the list of a view is not the one that it was written with.
    """
    place = open_store(uri)
    if not place.exists(VIEW):
        return Dataset(uri, place, None, {})
    view = unseal(place.read(VIEW), _KIND, where=f"{place.uri}/{VIEW}")
    if not view.keys() >= _KEYS or not isinstance(view["rows_file"], str) or not view["rows_file"].startswith("rows-"):
        raise Damaged("VIEW_ROWS", "does not say what a view must", where=f"{place.uri}/{VIEW}")
    store = open_store(place.uri.rpartition("/")[0] if view["dataset"] == INSIDE else view["dataset"])
    if next(store.names("data"), None) is None or _origin(store) != view["origin"]:
        raise UsageError(
            "VIEW_SOURCE",
            "the dataset that this is a view of is not there, or another one is",
            where=store.uri,
            fix="bring it back to that place, or make the view anew with `mycanvas filter`",
        )
    try:
        data = place.read(view["rows_file"])
    except FileNotFoundError:
        data = b""
    if digest(data) != view["blake2b"]:
        raise Damaged("VIEW_ROWS", "not the list that the view was written with", where=view["rows_file"])
    with read_shard(io.BytesIO(data), view["rows_file"]) as shard:
        return Dataset(uri, store, shard.read(columns=CHOSEN.names).cast(CHOSEN), view)


def _origin(store: Store) -> str:
    """By what a dataset is known again: the hash of its lock, which does not change while it grows; empty without."""
    try:
        return digest(store.read(LOCK))
    except FileNotFoundError:
        return ""


def chosen_view(store: Store) -> Iterator[str]:
    """The files of the view that a run's recipe asked for, if it did, after each of its rows was looked for.

    Raises:
        UsageError: VIEW_SOURCE.
        Damaged: as `open_dataset` and `Dataset.tables`.
    """
    if store.exists(f"{CHOSEN_VIEW}/{VIEW}"):
        open_dataset(f"{store.uri}/{CHOSEN_VIEW}").rows_there()
        yield from store.names(CHOSEN_VIEW)


def old_view(out: str) -> str:
    """The list of the view that lies where one is to be written; empty where nothing does.

    Raises:
        UsageError: VIEW_PLACE where something else does.
    """
    place = open_store(out)
    if place.exists(VIEW):
        return str(unseal(place.read(VIEW), _KIND, where=VIEW)["rows_file"])
    if next(place.list(), None) is not None:
        raise UsageError("VIEW_PLACE", "holds something that is no view", where=out, fix="name another folder")
    return ""


def remove_view(out: str) -> None:
    """Remove the view that lies at `out`, if one does."""
    if listed := old_view(out):
        open_store(out).delete(VIEW)
        open_store(out).delete(listed)


def write_view(out: str, source: Dataset, chosen: pa.Table, question: Mapping[str, Any]) -> None:
    """Write a view; one that lies there is replaced, anything else is not.

    Args:
        out: folder or bucket prefix.
        source: what was asked; of a view, the view's own dataset is named.
        chosen: columns `CHOSEN`, ascending.
        question: how they were chosen, JSON values.

    Raises:
        UsageError: VIEW_PLACE.
    """
    place, old = open_store(out), old_view(out)
    data = write_table(chosen, metadata={})
    path = f"rows-{digest(data)[:16]}.parquet"
    place.put(path, data)
    home = source.store.uri if "://" in source.store.uri else str(Path(source.store.uri).resolve())
    if place.uri == open_store(f"{source.store.uri}/{CHOSEN_VIEW}").uri:
        home = INSIDE
    said = {"dataset": home, "origin": _origin(source.store), "rows": chosen.num_rows, "rows_file": path}
    place.put(VIEW, seal(_KIND, {**said, "blake2b": digest(data), "chosen_by": question}))
    if old not in ("", path):
        place.delete(old)
