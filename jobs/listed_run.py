"""Small runs beside the large one: rows that are listed, one stage, one pool. What a command asks of a model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cluster.session import Capacity
from engine.photos.metadata import METADATA
from engine.rows.schema import column_names, from_table
from engine.rows.values import ACCEPTED
from engine.run.pipeline import Pipeline
from engine.run.pool import COMMIT, Pool
from engine.run.sources import ListedRows, Origin, write_listing
from engine.run.stage import Run, Stage
from engine.storage.commits import data_files
from engine.storage.extents import extend
from engine.storage.lock import LISTED, claim
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from engine.storage.store import Store
from jobs.console import Console
from jobs.run_loop import ANY_FAILURES, make_missing, new_run_id, pipeline_work

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun:
    """Rows that are to be filled by one stage.

    Attributes:
        record: of the rows.
        columns: of them that are listed.
        rows: those columns of every row, JSON values.
        stage: that fills the others; every row that it fills is accepted.
        out: where they are committed.
        unit_size: rows per unit.
        library: that the stage reads, if it does.
        size: of pictures, pixels.
        seed: root seed.
    """

    record: type[Any]
    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]
    stage: Stage
    out: str
    unit_size: int
    library: str = ""
    size: int = 0
    seed: int = 0


def fill_listed(listed: ListedRun, capacity: Capacity, console: Console) -> None:
    """Commit what is missing of the rows, inside a session; the stage gets a GPU where the cluster has one.

    Raises:
        UsageError: RUN_CHANGED, and those of the stage.
        EnvironmentProblem: those of the stage.
    """
    store, stage = open_store(listed.out), listed.stage
    claim(store, {"data": {"stage": stage.affects_data(), "size": listed.size, "seed": listed.seed}})
    write_listing(store, listed.rows)
    extents = extend(store, len(listed.rows), listed.unit_size)
    origin = Origin(record=listed.record, extents=extents, seed=listed.seed, out=store.uri, status=ACCEPTED)
    pipeline = Pipeline(
        record=listed.record,
        run=Run(out=store.uri, library=listed.library, size=listed.size),
        run_id=new_run_id(),
        source=ListedRows(origin, listed.columns, LISTED),
        groups=((stage,),),
        unit_size=listed.unit_size,
    )
    pools = (Pool(stages=(stage.name, COMMIT), gpus=min(1.0, capacity.gpus)),)
    work = pipeline_work(
        pipeline, pools, label=stage.name, extents=extents, samples=len(listed.rows), budget=ANY_FAILURES
    )
    make_missing(work, capacity, console)


def read_rows(uri: str, record: type[R]) -> Iterator[R]:
    """The committed rows of a run, in order.

    Raises:
        Damaged: those of `engine.storage.parquet.open_shard`.
    """
    store, columns = open_store(uri), column_names(record, stored=True)
    for path in data_files(store):
        with open_shard(store, path) as shard:
            yield from from_table(record, shard.read(columns=list(columns)), columns)


def put_pictures(store: Store, folder: str, pictures: Iterable[tuple[str, bytes, Mapping[str, str]]]) -> list[str]:
    """Put pictures as plain files, and what is known of each in the folder's metadata; their names.

    Args:
        store: gets them.
        folder: in it; empty: its root.
        pictures: file name, bytes, facts. What is there already stays.
    """
    place, lines = f"{folder}/" if folder else "", []
    for name, data, facts in pictures:
        if not store.exists(f"{place}{name}"):
            store.put(f"{place}{name}", data)
        lines.append({"file_name": name, **facts})
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    store.put(f"{place}{METADATA}", text.encode())
    return [line["file_name"] for line in lines]
