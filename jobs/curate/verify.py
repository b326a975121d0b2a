"""`mycanvas verify`: is every stored byte still what was committed?"""

from __future__ import annotations

from dataclasses import asdict

from engine.dataset.garbage import strange_notes
from engine.dataset.verify import verify as examine
from engine.dataset.views import VIEW, open_dataset
from engine.errors import Damaged, UsageError
from engine.storage.manifest import LIBRARY
from engine.storage.open_store import open_store
from jobs.console import Console


def verify(uri: str, console: Console) -> None:
    """Read everything below `uri`.

    Raises:
        UsageError: DATASET_EMPTY.
        Damaged: DATASET_DAMAGED after every damaged file has been named.
    """
    if open_store(uri).exists(VIEW):
        _verify_view(uri, console)
        return
    report = examine(open_store(uri))
    if not report.files and not report.damage:
        raise UsageError("DATASET_EMPTY", "holds nothing", where=uri, fix="give the --out of a compose or segment run")
    lines = [f"damaged  {damage.path}: {damage.what}\n    fix: {damage.mend}" for damage in report.damage]
    fix = f"mycanvas gc {uri} --delete"
    lines += [f"leftover {path}: no note of a worker, nothing waits for it\n    fix: {fix}" for path in _strange(uri)]
    lines.append(f"{report.files:,} files read, {len(report.damage)} damaged")
    console.result({"dataset": uri, **asdict(report)}, lines)
    if report.damage:
        raise Damaged(
            "DATASET_DAMAGED",
            f"{len(report.damage)} files are not what was committed",
            where=uri,
            fix="as said of each file; then run the same command again, which makes what is missing",
        )


def _strange(uri: str) -> list[str]:
    """Files in the journals of a dataset and of its library that are no notes."""
    folders = {"": uri, f"{LIBRARY}/": f"{uri}/{LIBRARY}"}
    return [before + path for before, place in folders.items() for path in strange_notes(open_store(place))]


def _verify_view(uri: str, console: Console) -> None:
    """Read a view's two files, and look for each of its rows.

    Raises:
        UsageError: VIEW_SOURCE.
        Damaged: VIEW_ROWS, SEAL_BROKEN; SHARD_MISSING, ROWS_GONE where a row is not there.
    """
    view = open_dataset(uri)
    rows = view.rows_there()
    lines = [f"{rows:,} rows are there", f"next: mycanvas verify {view.store.uri}, which reads what is in them"]
    console.result({"dataset": uri, "view_of": view.store.uri, "rows": rows, "damage": []}, lines)
