"""`mycanvas gc`: what dead runs left behind, listed or deleted."""

from __future__ import annotations

from dataclasses import asdict

from engine.dataset.garbage import collect as remove
from engine.dataset.garbage import garbage
from engine.storage.open_store import open_store
from jobs.console import Console, size

SHOWN = 20


def collect(uri: str, console: Console, *, delete: bool, older_than_hours: float) -> None:
    """List or delete leftovers."""
    store = open_store(uri)
    found = garbage(store, older_than_hours * 3600)
    if delete:
        remove(store, found)
    total = sum(entry.size for entry in found)
    verb = "deleted" if delete else "would delete"
    lines = [f"{verb}  {entry.path}  {size(entry.size)}" for entry in found[:SHOWN]]
    lines.append(f"{verb} {len(found)} leftovers, {size(total)}" + ("" if delete else "   (add --delete)"))
    console.result({"dataset": uri, "deleted": delete, "leftovers": [asdict(entry) for entry in found]}, lines)
