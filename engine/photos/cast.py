"""The cut-outs that a dataset is made of: chosen once from a library, locked beside the run, found again by address.

    cutouts.jsonl    one cut-out a line: what a planner knows of it, and where in the library its pixels lie

A library may grow meanwhile, and cut-outs may be excluded: the dataset goes on with exactly these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace

from engine.photos.exclusions import read_exclusions
from engine.photos.library import Address, CutoutInfo, Library, open_library
from engine.rows.values import Model
from engine.storage.lock import CUTOUTS
from engine.storage.open_store import open_store
from engine.storage.store import Store


def castable(library: Library, min_quality: float) -> Library:
    """What of a library may appear in a new dataset: not excluded, and of no less than a quality.

    Of several cut-outs of one photo, such as the net's and that of a matte that came later, the last counts.
    """
    excluded = read_exclusions(library.store)
    last = {_photo_of(library.cutouts[key]): key for key in sorted(library.cutouts, key=library.writing_order)}
    kept = {
        key: cutout
        for key, cutout in library.cutouts.items()
        if key == last[_photo_of(cutout)]
        and key not in excluded
        and (cutout.quality is None or cutout.quality >= min_quality)
    }
    return replace(library, cutouts=kept, addresses={key: library.addresses[key] for key in kept})


def _photo_of(cutout: CutoutInfo) -> tuple[str, ...]:
    return cutout.ensemble, cutout.concept, cutout.source_sha256 or cutout.cutout_id


def lock_cast(store: Store, library: Library) -> None:
    """Write down the cut-outs that a run is made of; where some are written down, those stay and count."""
    store.create(CUTOUTS, _to_jsonl(library))


def is_cast(store: Store) -> bool:
    """Whether the cut-outs of a run are locked."""
    return store.exists(CUTOUTS)


def read_cast(store: Store, library: Store) -> Library:
    """The cut-outs that are locked with a run; their pixels come from the store of the library."""
    lines = [json.loads(line) for line in store.read(CUTOUTS).decode().splitlines()]
    addresses = {line["cutout_id"]: Address(line.pop("shard"), line.pop("row")) for line in lines}
    return Library(library, {line["cutout_id"]: _info(line) for line in lines}, addresses)


def open_cast(out: str, library: str) -> Library:
    """The cut-outs of the run at `out`: the locked ones, or where none are, all of the library."""
    store = open_store(out)
    return read_cast(store, open_store(library)) if is_cast(store) else open_library(library)


def _info(line: Mapping[str, object]) -> CutoutInfo:
    known = {**line, "cut_borders": tuple(line["cut_borders"]), "models": tuple(Model(**m) for m in line["models"])}  # type: ignore[arg-type, attr-defined]
    return CutoutInfo(**known)  # type: ignore[arg-type]


def _to_jsonl(library: Library) -> bytes:
    lines = ({**asdict(info), **asdict(library.addresses[key])} for key, info in library.cutouts.items())
    return "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines).encode()
