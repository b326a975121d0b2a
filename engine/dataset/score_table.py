"""The score table of a dataset, asked in SQL: DuckDB reads columns without pixels and can reach nothing else.

DuckDB is given the score files and then locked: no other file, no network, no extension, no setting.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from engine.dataset.score_sets import added_score_sets
from engine.dataset.sql import quote_name, quote_text
from engine.dataset.views import Dataset, empty
from engine.errors import Damaged, EnvironmentProblem, UsageError
from engine.storage.commits import list_committed, unit_summaries
from engine.storage.manifest import SEGMENT_UNITS, scores_path, whole_summary
from engine.storage.parquet import read_shard, write_table
from engine.storage.store import Store

MEMORY = "400MB"  # of DuckDB; more goes to its temporary folder
TABLE = "scores"
_VECTORS = 100_000  # at a time


@dataclass(frozen=True, slots=True)
class Scores:
    """An open score table.

    Attributes:
        connection: in which it is the view `scores`.
        files: its parts on this machine; of those that were added, the columns by the names that they have in it.
        added: where a column that was added comes from, as SQL that needs no join.
    """

    connection: duckdb.DuckDBPyConnection
    files: Mapping[Path, Mapping[str, str]]
    added: Mapping[str, str]

    def ask(self, sql: str) -> pa.Table:
        """The answer to SQL of our own making.

        Raises:
            UsageError: EXPRESSION_VALUE where a value in it cannot be computed.
            Damaged: SCORES_DAMAGED where a score file cannot be read.
        """
        with _explain_duckdb():
            return self.connection.sql(sql).to_arrow_table()

    def vectors(self, column: str) -> Iterator[tuple[pa.Array, NDArray[np.float32]]]:
        """The `sample_id` of rows that have a vector in `column`, N, and the vectors, NxD, some 100,000 at a time.

        Of a view, those of its whole dataset: joined, a million vectors would have to fit into DuckDB's memory.

        Raises:
            Damaged: SCORES_DAMAGED, also where vectors differ in length.
        """
        sql = f"{self.added[column]} where len(v) > 0"
        with _explain_duckdb():
            for batch in self.connection.sql(sql).to_arrow_reader(_VECTORS):
                lengths = pc.unique(pc.list_value_length(batch.column("v")))
                if len(lengths) > 1:
                    raise duckdb.InvalidInputException(f"the vectors in {column} differ in length")
                values = batch.column("v").flatten().to_numpy(zero_copy_only=False)
                yield batch.column("sample_id"), values.reshape(batch.num_rows, -1)

    def types(self) -> Mapping[str, Any]:
        """DuckDB's type of every column."""
        table = self.connection.table(TABLE)
        return dict(zip(table.columns, table.types, strict=True))


@contextmanager
def open_scores(dataset: Dataset, *, for_strangers: bool = False) -> Iterator[Scores]:
    """The score table of a dataset or a view, named `scores`, until the ``with`` ends.

    Where the last summary is not of all that is committed, the units' receipts are read, which have their rows too.

    Args:
        dataset: whose scores.
        for_strangers: whether SQL will be asked that is not ours. DuckDB then sees no file at all, only batches that
            Arrow reads for it: a folder that it may read, it may also write (``with x as (copy …) select``).

    Raises:
        UsageError: DATASET_EMPTY.
        Damaged: SCORES_DAMAGED.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mcq-")))
        sets: list[tuple[list[Path], Mapping[str, str]]] = [(_files(dataset.store, folder), {})]
        sets += [(_files(each.store, folder / each.name), each.columns) for each in added_score_sets(dataset.store)]
        connection = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(folder / "spill")})
        stack.callback(connection.close)
        files = {file: {own: name for name, own in columns.items()} for parts, columns in sets for file in parts}
        with _explain_duckdb():
            for place, (parts, _) in enumerate(sets):
                _open(connection, f"s{place}", parts, through_arrow=for_strangers)
            _join(connection, [columns for _, columns in sets], dataset.chosen)
        _lock(connection, () if for_strangers else files, folder)
        added = {
            name: f"select sample_id, {quote_name(own)} as v from s{place}"
            for place, (_, columns) in enumerate(sets)
            for name, own in columns.items()
        }
        yield Scores(connection, files, added)


def slim_types(schema: pa.Schema) -> Mapping[str, Any]:
    """DuckDB's type of every column of rows that are not there yet."""
    with duckdb.connect() as connection:
        relation = connection.from_arrow(schema.empty_table())
        return dict(zip(relation.columns, relation.types, strict=True))


@contextmanager
def _explain_duckdb() -> Iterator[None]:
    """What DuckDB says of a file that it cannot read, as an error of ours."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise EnvironmentProblem(
            "SCORES_MEMORY",
            f"the question needs more than {MEMORY}",
            why=str(error).splitlines()[0],
            fix="ask for fewer columns, or of a view",
        ) from error
    except duckdb.DataError as error:  # a number too large, a value that is none
        raise UsageError(
            "EXPRESSION_VALUE", "cannot be computed", why=str(error).splitlines()[0], fix="see docs/filter.md"
        ) from error
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
    units = list_committed(store).ids().tolist()
    if not units:
        raise empty(store.uri)
    files = []
    for start in range(0, len(units), SEGMENT_UNITS):
        segment = unit_summaries(store, units[start : start + SEGMENT_UNITS], restore=False)
        tables = [summary.rows for summary in segment]
        folder.mkdir(exist_ok=True)
        files.append(folder / f"gathered-{start}.parquet")
        files[-1].write_bytes(write_table(pa.concat_tables(tables, promote_options="default"), metadata={}))
    return files


def _local(store: Store, path: str, folder: Path) -> Path:
    """A score file on this machine: where it is, or a copy of what an object store has."""
    here, copy = Path(store.uri) / path, folder / path.replace("/", "-")
    if here.is_file() and not set("[*?") & set(str(here.resolve())):  # DuckDB would take it for a pattern
        return here.resolve()
    folder.mkdir(exist_ok=True)
    copy.write_bytes(store.read(path))
    return copy


def _open(connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path], *, through_arrow: bool) -> None:
    """The view `name` of some files with one schema; NaN is null, as is what was not measured."""
    if through_arrow:
        connection.register(f"{name}_files", _batches(files))
        source = f"{name}_files"
    else:
        listed = ", ".join(quote_text(str(file)) for file in files)
        source = f"read_parquet([{listed}], union_by_name = true)"
    relation = connection.sql(f"select * from {source} limit 0")
    doubles = [column for column, kind in zip(relation.columns, relation.types, strict=True) if kind.id == "double"]
    finite = [
        f"case when isfinite({quote_name(each)}) then {quote_name(each)} end as {quote_name(each)}" for each in doubles
    ]
    replaced = f" replace ({', '.join(finite)})" if finite else ""
    connection.execute(f"create view {name} as select *{replaced} from {source}")


def _batches(files: Sequence[Path]) -> Any:
    """Files as an Arrow dataset, after each has passed the guarded door."""
    from pyarrow import dataset  # 50 ms that only `query` pays

    schemas = []
    for file in files:
        with file.open("rb") as handle, read_shard(handle, file.name) as shard:
            schemas.append(shard.schema_arrow.remove_metadata())
    fields = [field.with_type(_whole(field.type)) for field in pa.unify_schemas(schemas)]
    return dataset.dataset([str(file) for file in files], schema=pa.schema(fields), format="parquet")


def _whole(kind: pa.DataType) -> pa.DataType:
    """Half-floats, which DuckDB reads from Parquet and not from Arrow, as floats."""
    return pa.list_(pa.float32()) if pa.types.is_list(kind) and pa.types.is_float16(kind.value_type) else kind


def _join(connection: duckdb.DuckDBPyConnection, columns: Sequence[Mapping[str, str]], chosen: pa.Table | None) -> None:
    """The view `scores`: the dataset's own rows, and what was added as columns to the right."""
    added = [
        f"s{place}.{quote_name(column)} as {quote_name(name)}"
        for place, own in enumerate(columns)
        for name, column in own.items()
    ]
    source = f"select {', '.join(['s0.*', *added])} from s0"
    for place in range(1, len(columns)):
        source += f" left join s{place} using (unit_id, sample_id)"
    if chosen is not None:
        connection.register("chosen", chosen)
        source = f"select * from ({source}) semi join chosen using (unit_id, sample_id)"
    connection.execute(f"create view {TABLE} as {source}")


def _lock(connection: duckdb.DuckDBPyConnection, files: Iterable[Path], folder: Path) -> None:
    places = sorted({str(file.parent) for file in files} | {str(folder)})
    listed = ", ".join(quote_text(place) for place in places)
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
