"""`mycanvas export`: a dataset or a view in the format of another tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.dataset import open_dataset
from engine.errors import UsageError
from engine.export.rows import Exporter
from engine.records import ACCEPTED, Composition
from engine.registry import Registry
from engine.schema import column_names, from_table
from engine.store import Store, open_store
from jobs.console import Console

FORMATS: Registry[Callable[[Store, int], Exporter]] = Registry(
    "format",
    {
        "coco": "engine.export.coco:Coco",
        "fiftyone": "engine.export.fiftyone:FiftyOne",
        "hf": "engine.export.hub:Hub",
        "webdataset": "engine.export.webdataset:WebDataset",
    },
)


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
        UsageError: EXPORT_PLACE, ROWS_KIND, and DATASET_EMPTY.
    """
    dataset, store = open_dataset(uri), open_store(out)
    if next(store.list(), None) is not None:
        fix = "name another folder; what an interrupted export left is to be removed"
        raise UsageError("EXPORT_PLACE", "is not empty", where=out, fix=fix)
    dataset.require_compositions()
    exporter, written = FORMATS.resolve(to)(store, shard_mb * 1_000_000), 0
    progress = console.progress("export units", sum(1 for _ in dataset.shards()))
    for table in dataset.tables(column_names(Composition, stored=True)):
        for row in from_table(Composition, table, table.column_names):
            if rejected or row.status == ACCEPTED:
                exporter.add(row)
                written += 1
        progress.advance(1)
    exporter.close()
    progress.close()
    return {"rows": written, "out": store.uri, "format": to}
