"""The photos of a library: a log that only grows, so that a photo once cut out is never cut out again.

    _photos/000000.jsonl    photos in the order of their numbers, one JSON object a line; the next file goes on
    left_out.json           what else lay in the folder that was last looked through, and why it is no photo

A photo is known by its bytes, its concept and what is said of it: moved, copied or renamed it is the same one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256

from engine.errors import SampleError
from engine.photos.listing import Photo, read_file
from engine.storage.lock import PHOTOS
from engine.storage.store import Store

LEFT_OUT = "left_out.json"


def read_photos(store: Store) -> tuple[Photo, ...]:
    """All photos of a library, by number."""
    names = sorted(store.names(PHOTOS))
    lines = [line for name in names for line in store.read(f"{PHOTOS}/{name}").decode().splitlines()]
    return tuple(Photo(**json.loads(line)) for line in lines)


def add_photos(store: Store, photos: Sequence[Photo]) -> tuple[Photo, ...]:
    """Log the photos that the library does not know; what is new, in the order of their numbers.

    Bytes are read only of files that are not known by place, size and time of change: of 10,000 known photos none.
    Another command may add photos at the same time; each photo is then logged once.
    """
    while True:
        known = read_photos(store)
        same = {(photo.source, photo.mark): photo.sha256 for photo in known if photo.mark}
        there = {_identity(photo) for photo in known}
        new: dict[tuple[str, ...], Photo] = {}
        for photo in photos:
            content = same.get((photo.source, photo.mark)) or _hash(photo)
            named = replace(photo, sha256=content)
            if _identity(named) not in there:
                new.setdefault(_identity(named), named)
        added = tuple(new.values())
        number = len(list(store.names(PHOTOS)))
        if not added or store.create(f"{PHOTOS}/{number:06d}.jsonl", _to_jsonl(added)):
            return added


def _identity(photo: Photo) -> tuple[str, ...]:
    """Two photos of the same identity are one; one that cannot be read is known by its place."""
    return (
        photo.ensemble, photo.concept, photo.class_name, photo.license, photo.sha256 or photo.source,
    )  # fmt: skip


def _hash(photo: Photo) -> str:
    try:
        content = b"".join(read_file(uri) for uri in (photo.source, photo.mask) if uri)
        return sha256(content).hexdigest()
    except SampleError:  # whoever cuts it out says so
        return ""


def _to_jsonl(photos: Sequence[Photo]) -> bytes:
    return "".join(json.dumps(asdict(photo), sort_keys=True) + "\n" for photo in photos).encode()


def write_left_out(store: Store, left_out: Mapping[str, Sequence[str]]) -> None:
    """Keep what was left out of the folder that was last looked through: paths by reason."""
    store.put(LEFT_OUT, json.dumps(left_out, ensure_ascii=False, indent=1, sort_keys=True).encode())


def read_left_out(store: Store) -> dict[str, list[str]]:
    """What was left out, paths by reason; nothing where nobody looked."""
    try:
        said = json.loads(store.read(LEFT_OUT)) if store.exists(LEFT_OUT) else {}
        return {str(why): [str(path) for path in paths] for why, paths in said.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}
