"""What must not be: references that were trained on, and a judge that had a part in the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.evaluate.protocol import Protocol
from engine.dataset.views import open_dataset
from engine.errors import MyCanvasError, UsageError
from engine.photos.cast import is_cast, read_cast
from engine.storage.lock import read_lock
from jobs.evaluate.contestants import Contestant
from jobs.evaluate.measuring import Album, open_album


def require_apart(held: Album, trained: Album, contestants: Sequence[Contestant], classes: Mapping[str, str]) -> None:
    """Refuse references that were trained on, and concepts without any.

    Photos are known by their bytes. What a model was trained on is looked up where its manifest says, if it is there.

    Raises:
        UsageError: EVALUATE_REFERENCES.
    """
    lacking = sorted(classes.keys() - {photo.concept for photo in held.photos})
    if lacking:
        what, fix = f"there is no photo of {lacking[0]!r}", "give photos of every concept, a folder for each"
        raise UsageError("EVALUATE_REFERENCES", what, where="--photos", fix=fix)
    if trained.uri and not trained.photos:
        what, fix = "there is no photo of any concept", "give the folder that the models were trained on"
        raise UsageError("EVALUATE_REFERENCES", what, where="--trained", fix=fix)
    seen = dict.fromkeys(trained.digests, trained.uri)
    for each in contestants:
        seen |= dict.fromkeys(_photos_of(_data_of(each), classes), f"what {each.name} was trained on")
    for photo, bytes_ in zip(held.photos, held.digests, strict=True):
        if (where := seen.get(bytes_)) is not None:
            raise UsageError(
                "EVALUATE_REFERENCES",
                "a photo was trained on that pictures are to be held against",
                where=photo.source,
                why=f"it is among {where}",
                fix="keep some photos of every concept back from training: a picture of the very photo says nothing",
            )


def require_strange_judge(spec: Protocol, contestants: Sequence[Contestant]) -> None:
    """Refuse a judge that planned or captioned what a model was trained on: judges prefer their own.

    Raises:
        UsageError: JUDGE_PARTIAL.
    """
    for each in contestants if spec.judge else ():
        uri = _data_of(each)
        if spec.judge and spec.judge.model in set(_models_in(_made_by(uri))):
            raise UsageError(
                "JUDGE_PARTIAL",
                f"{spec.judge.model} had a part in what {each.name} was trained on",
                where=uri,
                why="models that judge prefer what they made themselves",
                fix="--set judge.model=…, another one",
            )


def _data_of(contestant: Contestant) -> str:
    return str(contestant.manifest.get("data", {}).get("uri", ""))


def _photos_of(uri: str, concepts: Mapping[str, str]) -> Sequence[str]:
    """The digests of the photos that rows, or a folder of photos, are made of; none where they cannot be read."""
    try:
        store = open_dataset(uri).store
        if is_cast(store):
            return [info.source_sha256 for info in read_cast(store, store).cutouts.values()]
        return open_album(uri, concepts).digests
    except (MyCanvasError, OSError):
        return ()


def _made_by(uri: str) -> object:
    """What a dataset, or the one that it was chosen from, was made by; nothing of photos, or where it is gone."""
    try:
        lock = read_lock(open_dataset(uri).store)
    except (MyCanvasError, OSError):
        return {}
    origin = lock.get("data", {}).get("dataset")
    return [lock, _made_by(origin)] if isinstance(origin, str) and origin != uri else lock


def _models_in(tree: object) -> Iterator[str]:
    """Every value of a key ``model``."""
    if isinstance(tree, Mapping):
        items: Mapping[str, Any] = tree
        yield from (value for key, value in items.items() if key == "model" and isinstance(value, str))
        tree = list(items.values())
    if isinstance(tree, list):
        for each in tree:
            yield from _models_in(each)
