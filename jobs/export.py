"""`mycanvas export`: a dataset or a view in the format of another tool."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from engine.dataset import Dataset, open_dataset
from engine.errors import UsageError
from engine.export.rows import Exporter
from engine.records import ACCEPTED, Composition
from engine.registry import Registry
from engine.schema import column_names, from_table
from engine.store import Store, open_store
from jobs.console import Console

FORMATS: Registry[Callable[..., Exporter]] = Registry(
    "format",
    {
        "coco": "engine.export.coco:Coco",
        "fiftyone": "engine.export.fiftyone:FiftyOne",
        "hf": "engine.export.hub:Hub",
        "webdataset": "engine.export.webdataset:WebDataset",
    },
)
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def export(uri: str, to: str, out: str, *, shard_mb: int, rejected: bool, console: Console) -> Mapping[str, Any]:
    """Write the rows of a dataset or a view in another format; what a file holds depends on the rows alone.

    Args:
        uri: of a dataset or a view.
        to: a name of `FORMATS`.
        out: folder or bucket prefix; must be empty.
        shard_mb: megabytes of a shard, where the format has shards.
        rejected: whether rows that the gate rejected are written too.
        console: where progress is shown.

    Raises:
        UsageError: EXPORT_PLACE, EXPORT_ROWS, and DATASET_EMPTY.
    """
    dataset, store = open_dataset(uri), open_store(out)
    if next(store.list(), None) is not None:
        fix = "name another folder; what an interrupted export left is to be removed"
        raise UsageError("EXPORT_PLACE", "is not empty", where=out, fix=fix)
    shards = sum(1 for _ in dataset.shards())
    if not shards:
        raise UsageError("DATASET_EMPTY", "holds no committed unit", where=uri, fix="give the --out of a compose run")
    exporter, written = _exporter(to, store, dataset, shard_mb), 0
    progress = console.progress("export units", shards)
    columns = list(column_names(Composition, stored=True))
    for table in dataset.tables(columns):
        if "objects" not in table.column_names:
            raise UsageError("EXPORT_ROWS", "the rows are no compositions", where=uri, fix="give the output of compose")
        for row in from_table(Composition, table, table.column_names):
            if rejected or row.status == ACCEPTED:
                exporter.add(row)
                written += 1
        progress.advance(1)
    exporter.close()
    progress.close()
    return {"rows": written, "out": store.uri, "format": to}


def _exporter(to: str, store: Store, dataset: Dataset, shard_mb: int) -> Exporter:
    size = shard_mb * 1_000_000
    if to != "hf":
        return FORMATS.resolve(to)(store, size)
    card = dataset.store.read("README.md").decode() if dataset.store.exists("README.md") else ""
    return FORMATS.resolve(to)(store, size, _FRONT.sub("", card))
