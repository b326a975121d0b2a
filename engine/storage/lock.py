"""``run.lock.json``: what a run was begun with. Whoever comes later must mean the same data, or is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from engine.errors import UsageError
from engine.failpoints import reach
from engine.storage.hashes import seal, unseal
from engine.storage.store import Store

LOCK = "run.lock.json"
BACKGROUNDS, CUTOUTS, PLAN, LISTED = "backgrounds.jsonl", "cutouts.jsonl", "chosen.parquet", "listed.jsonl"
"""Beside it: what a run is made of (the first two), a copy, and any other run whose rows are listed."""
PHOTOS = "_photos"
"""Folder: what a library is made of, see `engine.photos.photo_log`."""
_KIND = "lock"
_ABSENT = "(absent)"
_SHOWN = 80  # characters of a value in a message


def claim(store: Store, content: Mapping[str, Any]) -> None:
    """Write the lock, or find it written and agree with it.

    Args:
        store: the output of the run.
        content: JSON values. What is under ``"data"`` decides the data and is compared; the rest is information.

    Raises:
        UsageError: RUN_CHANGED, with every value that differs.
        Damaged: SEAL_BROKEN.
    """
    if store.create(LOCK, seal(_KIND, content)):
        reach("after_lock")
        return
    ours = json.loads(json.dumps(content.get("data", {})))
    differences = list(_differences(read_lock(store).get("data", {}), ours, ""))
    if differences:
        raise UsageError(
            "RUN_CHANGED",
            f"the output was begun with another recipe; {len(differences)} values differ",
            where=f"{store.uri}/{LOCK}",
            why="\n     ".join(differences),
            fix="use the recipe and seed it was begun with to go on, or another --out to start anew",
        )


def read_lock(store: Store) -> dict[str, Any]:
    """What the run was begun with.

    Raises:
        FileNotFoundError: nothing was begun here.
        Damaged: SEAL_BROKEN.
    """
    return unseal(store.read(LOCK), _KIND, where=LOCK)


def _differences(old: object, new: object, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            below = f"{path}.{key}" if path else key
            yield from _differences(old.get(key, _ABSENT), new.get(key, _ABSENT), below)
    elif old != new or type(old) is not type(new):
        yield f"{path}: {_short(old)} -> {_short(new)}"


def _short(value: object) -> str:
    text = value if value is _ABSENT else json.dumps(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
