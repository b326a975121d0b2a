"""What must not be: references that were trained on, and a judge that had a part in the data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from actors.evaluate.protocol import Protocol
from engine.errors import MyCanvasError, UsageError
from engine.storage.lock import read_lock
from engine.storage.open_store import open_store
from jobs.evaluate.contestants import Contestant
from jobs.evaluate.measuring import Album


def require_apart(held: Album, trained: Album, classes: dict[str, str]) -> None:
    """Refuse references that were trained on, and concepts without any.

    Raises:
        UsageError: EVALUATE_REFERENCES.
    """
    lacking = sorted(classes.keys() - {photo.concept for photo in held.photos})
    if lacking:
        what, fix = f"there is no photo of {lacking[0]!r}", "give photos of every concept, a folder for each"
        raise UsageError("EVALUATE_REFERENCES", what, where="--photos", fix=fix)
    seen = {bytes_: photo.source for photo, bytes_ in zip(trained.photos, trained.digests, strict=True)}
    for photo, bytes_ in zip(held.photos, held.digests, strict=True):
        if (other := seen.get(bytes_)) is not None:
            raise UsageError(
                "EVALUATE_REFERENCES",
                "a photo was trained on that pictures are to be held against",
                where=photo.source,
                why=f"it is the same as {other}",
                fix="keep some photos of every concept back from training: a picture of the very photo says nothing",
            )


def require_strange_judge(spec: Protocol, contestants: Sequence[Contestant]) -> None:
    """Refuse a judge that planned or captioned what a model was trained on: judges prefer their own.

    Raises:
        UsageError: JUDGE_PARTIAL.
    """
    for each in contestants if spec.judge else ():
        uri = str(each.manifest.get("data", {}).get("uri", ""))
        if spec.judge and uri and spec.judge.model in json.dumps(_lock_of(uri)):
            raise UsageError(
                "JUDGE_PARTIAL",
                f"{spec.judge.model} had a part in what {each.name} was trained on",
                where=uri,
                why="models that judge prefer what they made themselves",
                fix="--set judge.model=…, another one",
            )


def _lock_of(uri: str) -> dict[str, Any]:
    """What a dataset was made by; nothing of photos, or where it is gone."""
    try:
        return read_lock(open_store(uri))
    except (MyCanvasError, OSError):
        return {}
