"""The score table of a dataset, asked in SQL: DuckDB reads columns without pixels and can reach nothing else.

DuckDB is given the score files and then locked: no other file, no network, no extension, no setting.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from engine.commits import committed
from engine.dataset import Dataset
from engine.errors import Damaged, UsageError
from engine.further import Further, further_scores
from engine.manifest import SEGMENT_UNITS, scores_path, slim_rows, whole_summary
from engine.parquet import write_table
from engine.store import Store

MEMORY = "400MB"  # of DuckDB; more goes to its temporary folder
TABLE = "scores"
_READERS = 8


@dataclass(frozen=True, slots=True)
class Scores:
    """An open score table.

    Attributes:
        connection: in which it is the view `scores`.
        files: its parts on this machine; of those that were added, the columns by the names that they have in it.
    """

    connection: duckdb.DuckDBPyConnection
    files: Mapping[Path, Mapping[str, str]]

    def ask(self, sql: str) -> pa.Table:
        """The answer to SQL of our own making.

        Raises:
            Damaged: SCORES_DAMAGED where a score file cannot be read.
        """
        with _named():
            return self.connection.sql(sql).to_arrow_table()

    def types(self) -> Mapping[str, Any]:
        """DuckDB's type of every column."""
        table = self.connection.table(TABLE)
        return dict(zip(table.columns, table.types, strict=True))


@contextmanager
def open_scores(dataset: Dataset) -> Iterator[Scores]:
    """The score table of a dataset or a view, named `scores`, until the ``with`` ends.

    Where the last summary is not of all that is committed, the shards are read, without their pixels.

    Raises:
        UsageError: DATASET_EMPTY.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mcq-")))
        own = _files(dataset.store, folder)
        connection = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(folder / "spill")})
        stack.callback(connection.close)
        others = [(each, _files(each.store, folder / each.name)) for each in further_scores(dataset.store)]
        named = {file: {own: name for name, own in each.columns.items()} for each, parts in others for file in parts}
        files: dict[Path, Mapping[str, str]] = {**{file: {} for file in own}, **named}
        with _named():
            _attach(connection, own, others, dataset.chosen)
        _lock(connection, files, folder)
        yield Scores(connection, files)


@contextmanager
def _named() -> Iterator[None]:
    """What DuckDB says of a file that it cannot read, as an error of ours."""
    try:
        yield
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException) as error:
        raise Damaged(
            "SCORES_DAMAGED",
            "the score table cannot be read",
            why=str(error).splitlines()[0],
            fix="remove scores/ and _manifest/; they are made anew from data/",
        ) from error


def _files(store: Store, folder: Path) -> list[Path]:
    """The score files: of the summary, or gathered in `folder`, a thousand units to a file."""
    if manifest := whole_summary(store):
        return [_local(store, scores_path(segment.number), folder) for segment in manifest.segments]
    units = committed(store).ids().tolist()
    if not units:
        raise UsageError(
            "DATASET_EMPTY", "holds no committed unit", where=store.uri, fix="give the --out of a compose run"
        )
    files = []
    for start in range(0, len(units), SEGMENT_UNITS):
        with ThreadPoolExecutor(_READERS) as pool:  # they wait for the storage most of the time
            tables = list(pool.map(partial(slim_rows, store), units[start : start + SEGMENT_UNITS]))
        folder.mkdir(exist_ok=True)
        files.append(folder / f"gathered-{start}.parquet")
        files[-1].write_bytes(write_table(pa.concat_tables(tables, promote_options="default"), metadata={}))
    return files


def _local(store: Store, path: str, folder: Path) -> Path:
    """A score file on this machine: where it is, or a copy of what an object store has."""
    here = Path(store.uri) / path
    if here.is_file():
        return here.resolve()
    folder.mkdir(exist_ok=True)
    copy = folder / path.replace("/", "-")
    copy.write_bytes(store.read(path))
    return copy


def _attach(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    others: Sequence[tuple[Further, Sequence[Path]]],
    chosen: pa.Table | None,
) -> None:
    """The view `scores`: the dataset's own, and what was added as columns to the right."""
    added = [f'{each.name}."{column}" as "{name}"' for each, _ in others for name, column in each.columns.items()]
    source = f"select {', '.join(['own.*', *added])} from {_parts(files)} as own"
    for each, parts in others:
        source += f" left join {_parts(parts)} as {each.name} using (unit_id, sample_id)"
    if chosen is not None:
        connection.register("chosen", chosen)
        source = f"select * from ({source}) semi join chosen using (unit_id, sample_id)"
    connection.execute(f"create view {TABLE} as {source}")


def _parts(files: Sequence[Path]) -> str:
    listed = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{listed}], union_by_name = true)"


def _lock(connection: duckdb.DuckDBPyConnection, files: Iterable[Path], folder: Path) -> None:
    places = sorted({str(file.parent) for file in files} | {str(folder)})
    listed = ", ".join("'" + place.replace("'", "''") + "'" for place in places)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for setting in (
        f"threads = {cores}",
        f"allowed_directories = [{listed}]",
        "enable_external_access = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "lock_configuration = true",
    ):
        connection.execute(f"set {setting}")
