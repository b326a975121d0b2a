"""Leftovers of killed writers: found, shown, and removed when asked. No committed file is ever among them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from engine.errors import MyCanvasError
from engine.failpoints import reach
from engine.run.journal import FOLDER as JOURNAL
from engine.run.journal import parse_note
from engine.storage.commits import CommittedUnits, list_committed
from engine.storage.store import TMP, Entry, Store

_UNIT = re.compile(r"\d{8,}")


def garbage(store: Store, older_than_s: float) -> list[Entry]:
    """Leftovers that nobody touched for `older_than_s` seconds.

    They are unfinished files, notes of units that are committed, and files in the journal that are no notes. The age
    protects a writer at work: give more seconds than a slow one needs for one file. A note belongs to the unit of the
    first number of eight digits or more in its path.
    """
    before = time.time() - older_than_s
    done = list_committed(store)
    journals = [entry for entry in store.list(JOURNAL) if _is_stale(store, entry.path, done)]
    found = [entry for entry in (*store.list(TMP), *journals) if entry.modified <= before]
    return sorted(found, key=lambda entry: entry.path)


def strange_notes(store: Store) -> list[str]:
    """Files in the journal that are no notes: cut off, or somebody else's. They block nothing."""
    return sorted(entry.path for entry in store.list(JOURNAL) if _is_strange(store, entry.path))


def _is_stale(store: Store, path: str, done: CommittedUnits) -> bool:
    unit = _UNIT.search(path)
    return unit is None or int(unit[0]) in done or _is_strange(store, path)


def _is_strange(store: Store, path: str) -> bool:
    try:
        return not path.endswith(".json") or parse_note(store.read(path)) is None
    except FileNotFoundError:  # its run has just come through
        return False


def collect(store: Store, entries: Iterable[Entry]) -> int:
    """Remove what `garbage` found; the bytes that it gave back.

    Raises:
        MyCanvasError: GC_REFUSED, for a file outside the folders of leftovers.
    """
    freed = 0
    for entry in entries:
        if not entry.path.startswith((f"{TMP}/", f"{JOURNAL}/")):
            raise MyCanvasError("GC_REFUSED", "not a leftover", where=entry.path)
        store.delete(entry.path)
        reach("mid_gc")
        freed += entry.size
    return freed
