"""Leftovers of killed writers: found, shown, and removed when asked. No committed file is ever among them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from engine.errors import MyCanvasError
from engine.failpoints import reach
from engine.storage.commits import list_committed
from engine.storage.store import TMP, Entry, Store

JOURNAL = "_journal"
_UNIT = re.compile(r"\d{8,}")


def garbage(store: Store, older_than_s: float) -> list[Entry]:
    """Unfinished files, and journals of units that are committed, that nobody touched for `older_than_s` seconds.

    The age protects a writer at work: give more seconds than a slow one needs for one file. A journal belongs to the
    unit of the first number of eight digits or more in its path.
    """
    before = time.time() - older_than_s
    done = list_committed(store)
    journals = [entry for entry in store.list(JOURNAL) if (unit := _UNIT.search(entry.path)) and int(unit[0]) in done]
    found = [entry for entry in (*store.list(TMP), *journals) if entry.modified <= before]
    return sorted(found, key=lambda entry: entry.path)


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
