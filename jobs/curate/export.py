"""`mycanvas export`: a dataset or a view in the format of another tool."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.dataset.export.rows import Exporter
from engine.dataset.views import Dataset, open_dataset
from engine.errors import UsageError
from engine.photos.library import Library, open_library
from engine.registry import Registry
from engine.rows.schema import column_names, from_table
from engine.rows.values import ACCEPTED
from engine.storage.commits import list_committed
from engine.storage.hashes import digest, seal, unseal
from engine.storage.manifest import LIBRARY
from engine.storage.open_store import open_store
from engine.storage.store import TMP, Store
from jobs.console import Console

FORMATS: Registry[type[Exporter]] = Registry(
    "format",
    {
        "coco": "engine.dataset.export.coco:Coco",
        "diffusers": "engine.dataset.export.image_folder:ImageFolder",
        "fiftyone": "engine.dataset.export.fiftyone:FiftyOne",
        "harmonise": "engine.dataset.export.harmonise:HarmonisePairs",
        "hf": "engine.dataset.export.hub:Hub",
        "kohya": "engine.dataset.export.kohya:Kohya",
        "preference": "engine.dataset.export.preference:PreferencePairs",
        "references": "engine.dataset.export.references:ReferenceSets",
        "webdataset": "engine.dataset.export.webdataset:WebDataset",
    },
)

BEGUN = ".export.json"  # there while an export is under way; readers of datasets skip names with a dot
_KIND = "export"


def export(
    uri: str, to: str, out: str, *, shard_mb: int, rejected: bool, console: Console, library: str = ""
) -> Mapping[str, Any]:
    """Write the rows of a dataset or a view in another format; what a file holds depends on the rows alone.

    Args:
        uri: of a dataset or a view.
        to: a name of `FORMATS`.
        out: folder or bucket prefix; empty, or with what the same export had written when it was interrupted.
        shard_mb: megabytes of a shard, where the format has shards.
        rejected: whether rows that the gate rejected are written too.
        console: where progress is shown.
        library: the cut-outs that the rows were composed from, where the format needs them; empty: the dataset's own.

    Raises:
        UsageError: EXPORT_PLACE, EXPORT_LIBRARY, ROWS_KIND, and DATASET_EMPTY.
    """
    dataset, store, kind = open_dataset(uri), open_store(out), FORMATS.resolve(to)
    dataset.require(kind.record)
    cutouts = _library(dataset, library) if kind.needs_library else None
    _begin(store, {"rows": _fingerprint(dataset), "to": to, "shard_mb": shard_mb, "rejected": rejected})
    exporter, given = kind(store, shard_mb * 1_000_000, cutouts), 0
    wanted = rejected or kind.keeps_rejected
    progress = console.progress("export units", sum(1 for _ in dataset.shards()))
    for table in dataset.tables(column_names(kind.record, stored=True)):
        rows: list[Any] = from_table(kind.record, table, table.column_names)
        for row in rows:
            if wanted or row.status == ACCEPTED:
                exporter.add(row)
                given += 1
        progress.advance(1)
    exporter.close()
    progress.close()
    store.delete(BEGUN)
    if "://" not in store.uri:
        with suppress(OSError):  # others may write there
            Path(store.uri, TMP).rmdir()
    return {"rows": given - exporter.left_out, "left_out": exporter.left_out, "out": store.uri, "format": to}


def _library(dataset: Dataset, uri: str) -> Library:
    """The cut-outs of a dataset.

    Raises:
        UsageError: EXPORT_LIBRARY.
    """
    found = open_library(uri or f"{dataset.store.uri}/{LIBRARY}")
    if not found.cutouts:
        fix = "give --library, the one that the dataset was composed from"
        raise UsageError("EXPORT_LIBRARY", "there are no cut-outs", where=found.store.uri, fix=fix)
    return found


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
