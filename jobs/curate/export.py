"""`mycanvas export`: a dataset or a view in the format of another tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.dataset.export.rows import Exporter
from engine.dataset.views import Dataset, open_dataset
from engine.errors import UsageError
from engine.registry import Registry
from engine.rows.schema import column_names, from_table
from engine.rows.values import ACCEPTED
from engine.storage.commits import list_committed
from engine.storage.hashes import digest, seal, unseal
from engine.storage.open_store import open_store
from engine.storage.store import Store
from jobs.console import Console

FORMATS: Registry[type[Exporter]] = Registry(
    "format",
    {
        "coco": "engine.dataset.export.coco:Coco",
        "fiftyone": "engine.dataset.export.fiftyone:FiftyOne",
        "hf": "engine.dataset.export.hub:Hub",
        "webdataset": "engine.dataset.export.webdataset:WebDataset",
    },
)

BEGUN = ".export.json"  # there while an export is under way; readers of datasets skip names with a dot
_KIND = "export"


def export(uri: str, to: str, out: str, *, shard_mb: int, rejected: bool, console: Console) -> Mapping[str, Any]:
    """Write the rows of a dataset or a view in another format; what a file holds depends on the rows alone.

    Args:
        uri: of a dataset or a view.
        to: a name of `FORMATS`.
        out: folder or bucket prefix; empty, or with what the same export had written when it was interrupted.
        shard_mb: megabytes of a shard, where the format has shards.
        rejected: whether rows that the gate rejected are written too.
        console: where progress is shown.

    Raises:
        UsageError: EXPORT_PLACE, ROWS_KIND, and DATASET_EMPTY.
    """
    dataset, store, kind = open_dataset(uri), open_store(out), FORMATS.resolve(to)
    dataset.require(kind.record)
    _begin(store, {"rows": _fingerprint(dataset), "to": to, "shard_mb": shard_mb, "rejected": rejected})
    exporter, written = kind(store, shard_mb * 1_000_000), 0
    progress = console.progress("export units", sum(1 for _ in dataset.shards()))
    for table in dataset.tables(column_names(kind.record, stored=True)):
        rows: list[Any] = from_table(kind.record, table, table.column_names)
        for row in rows:
            if rejected or row.status == ACCEPTED:
                exporter.add(row)
                written += 1
        progress.advance(1)
    exporter.close()
    progress.close()
    store.delete(BEGUN)
    return {"rows": written, "out": store.uri, "format": to}


def _begin(store: Store, asked: Mapping[str, Any]) -> None:
    """Mark a place as that of an export; one that was interrupted there is begun again, over its own files."""
    if store.exists(BEGUN) and unseal(store.read(BEGUN), _KIND, where=BEGUN) == asked:
        return
    if next(store.list(), None) is not None:
        fix = "name another folder, or empty this one"
        raise UsageError("EXPORT_PLACE", "holds something else than this export", where=store.uri, fix=fix)
    store.put(BEGUN, seal(_KIND, asked))


def _fingerprint(dataset: Dataset) -> str:
    """By what is known whether rows are those of an export that was interrupted."""
    told = f"{dataset.store.uri}\n{dataset.view.get('blake2b', '')}\n"
    return digest(told.encode() + list_committed(dataset.store).bits.tobytes())
