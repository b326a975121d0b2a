"""Folders of files on a disk, put behind a store and fetched from it: checkpoints, model folders."""

from __future__ import annotations

import mmap
from hashlib import blake2b
from pathlib import Path

from engine.storage.hashes import digest
from engine.storage.local_store import LocalStore
from engine.storage.store import Store

CHUNK = 16 * 1024**2  # bytes a read: large enough for a request each to an object store


def local_path(store: Store) -> Path | None:
    """The folder on this disk that a store stands for; None of an object store."""
    return Path(store.uri) if isinstance(store, LocalStore) else None


def put_folder(store: Store, path: str, folder: Path) -> dict[str, str]:
    """Put every file below `folder` under `path`, or at the root where it is empty; what lies there is replaced.

    Returns:
        Relative name to `engine.storage.hashes.digest` of each file, sorted by name.
    """
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return {name: _put_file(store, f"{path}/{name}".lstrip("/"), folder / name) for name in names}


def _put_file(store: Store, path: str, file: Path) -> str:
    size = file.stat().st_size
    if not size:  # an empty file cannot be mapped
        store.put(path, b"")
        return digest(b"")
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), size, access=mmap.ACCESS_READ) as mapped,  # a file larger than memory passes
        memoryview(mapped) as data,
    ):
        store.put(path, data)
        return digest(data)


def fetch_file(store: Store, path: str, file: Path) -> str:
    """Copy a stored file to `file`, a part at a time; its digest.

    Raises:
        FileNotFoundError: the store has no such file.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    hasher = blake2b(digest_size=32)
    with store.open(path) as source, file.open("wb") as target:
        while chunk := source.read(CHUNK):
            hasher.update(chunk)
            target.write(chunk)
    return hasher.hexdigest()
