"""One folder on a disk or in an object store: files that appear whole or not at all, and a create that one writer wins.

All that the commit protocol asks of storage is `create`: put if absent, atomic, durable when it returns. On disks it is
link(), which fails where the name exists and never shows half a file; on object stores a PUT with ``If-None-Match: *``.
"""

from __future__ import annotations

import errno
import os
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from engine.errors import EnvironmentProblem, MyCanvasError, UsageError
from engine.failpoints import reach

TMP = "_tmp"
_AGAIN = "run the same command again: it goes on where it stopped"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored file: path inside the store, size in bytes, time of the last change in seconds since 1970."""

    path: str
    size: int
    modified: float = 0.0


class Store(ABC):
    """Files under one URI. Paths are relative, with forward slashes. A missing file is a `FileNotFoundError`."""

    uri: str

    @abstractmethod
    def create(self, path: str, data: bytes | memoryview) -> bool:
        """Put `data` if nothing is there; False, and nothing changed, when something is."""

    @abstractmethod
    def put(self, path: str, data: bytes | memoryview) -> None:
        """Put `data` in place of whatever is there, in one step."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """The whole file."""

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """The file for reading parts of it; seekable."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Whether the file is there."""

    @abstractmethod
    def list(self, folder: str = "") -> Iterator[Entry]:
        """Every file below `folder`, in no particular order; nothing where the folder is missing."""

    @abstractmethod
    def names(self, folder: str) -> Iterator[str]:
        """Names of the files directly in `folder`, in no particular order, without asking for their sizes."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove the file; it may be gone already."""


def open_store(uri: str) -> Store:
    """The store under a path, a ``file://`` or an ``s3://`` URI; nothing is read or written yet.

    Object stores take endpoint and credentials from the usual ``AWS_*`` environment variables.

    Raises:
        UsageError: URI_UNSUPPORTED, URI_NOT_A_FOLDER.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", uri)
    if not uri or not uri.isprintable():
        raise _unsupported(uri, "it is empty or holds control characters")
    if scheme is None:
        return _local(Path(uri))
    parts = urlsplit(uri)
    if scheme[1] == "file" and parts.netloc in ("", "localhost"):
        return _local(Path(url2pathname(parts.path)))
    if scheme[1] == "s3" and parts.netloc:
        from engine.object_store import open_bucket  # a local run never loads it

        return open_bucket(parts.netloc, parts.path.strip("/"))
    raise _unsupported(uri, f"{scheme[0]} is not among the known schemes, or names no bucket")


def _local(root: Path) -> Store:
    with _explained(str(root), ""):
        if root.exists() and not root.is_dir():
            raise UsageError("URI_NOT_A_FOLDER", "a file is in the place of the folder", where=str(root))
    return LocalStore(str(root.absolute()))


def _unsupported(uri: str, why: str) -> UsageError:
    fix = "give a path or s3://bucket/prefix"
    return UsageError("URI_UNSUPPORTED", "cannot be used as a folder", where=repr(uri), why=why, fix=fix)


def store_denied(where: str, why: str, fix: str) -> EnvironmentProblem:
    """The storage refuses."""
    return EnvironmentProblem("STORE_DENIED", "the storage does not let us in", where=where, why=why, fix=fix)


def store_failed(where: str, why: str) -> EnvironmentProblem:
    """The storage fails for a reason of its own."""
    fix = f"see to the disk or the network, then {_AGAIN}"
    return EnvironmentProblem("STORE_FAILED", "the storage failed", where=where, why=why, fix=fix)


def checked(path: str) -> str:
    """`path`, if it is relative, has no empty, ``.`` or ``..`` part and no control character.

    Raises:
        MyCanvasError: STORE_PATH; a mistake of the program, as no name of a user becomes a path.
    """
    if not path.isprintable() or "\\" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise MyCanvasError("STORE_PATH", "not a path inside a store", where=repr(path))
    return path


@final
@dataclass(frozen=True, slots=True)
class LocalStore(Store):
    """A folder on a disk or a network file system with hard links."""

    uri: str

    def create(self, path: str, data: bytes | memoryview) -> bool:
        if self.exists(path):
            return False
        with _explained(self.uri, path):
            made = self._stage(data)
            reach("before_link")
            won = _link(made, self._ready(path))
            reach("after_link")
            made.unlink(missing_ok=True)
            return won

    def put(self, path: str, data: bytes | memoryview) -> None:
        with _explained(self.uri, path):
            made, final_path = self._stage(data), self._ready(path)
            reach("before_replace")
            made.replace(final_path)
            _sync_folder(final_path.parent)

    def read(self, path: str) -> bytes:
        with _explained(self.uri, path):
            return self._at(path).read_bytes()

    def open(self, path: str) -> BinaryIO:
        with _explained(self.uri, path):
            return self._at(path).open("rb")

    def exists(self, path: str) -> bool:
        with _explained(self.uri, path):
            return self._at(path).exists()

    def list(self, folder: str = "") -> Iterator[Entry]:
        with suppress(FileNotFoundError), _explained(self.uri, folder), os.scandir(Path(self.uri, folder)) as found:
            for entry in found:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    yield from self.list(path)
                    continue
                with suppress(FileNotFoundError):  # another run may tidy up while we look
                    facts = entry.stat()
                    yield Entry(path, facts.st_size, facts.st_mtime)

    def names(self, folder: str) -> Iterator[str]:
        with suppress(FileNotFoundError), _explained(self.uri, folder), os.scandir(Path(self.uri, folder)) as found:
            for entry in found:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry.name

    def delete(self, path: str) -> None:
        with _explained(self.uri, path):
            self._at(path).unlink(missing_ok=True)

    def _at(self, path: str) -> Path:
        return Path(self.uri, checked(path))

    def _ready(self, path: str) -> Path:
        final_path = self._at(path)
        if not final_path.parent.is_dir():
            final_path.parent.mkdir(parents=True, exist_ok=True)
            _sync_folder(final_path.parent.parent)
        return final_path

    def _stage(self, data: bytes | memoryview) -> Path:
        """Write `data`, durably, under a name that nobody reads and nobody else uses."""
        staged = self._ready(f"{TMP}/{os.getpid()}-{uuid.uuid4().hex}")
        try:
            with staged.open("xb") as file:
                file.write(data)
                file.flush()
                reach("after_tmp_write")
                os.fsync(file.fileno())
            reach("after_fsync")
        except OSError:
            staged.unlink(missing_ok=True)  # a full disk is not helped by half a file
            raise
        return staged


@contextmanager
def _explained(uri: str, path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        where, why = f"{uri}/{path}", str(error.strerror or error)
        if error.errno in _FULL:
            fix = f"free some space, then {_AGAIN}"
            raise EnvironmentProblem("DISK_FULL", "no room for another file", where=where, why=why, fix=fix) from error
        if error.errno in _DENIED:
            raise store_denied(where, why, "let this user read and write there, or choose another folder") from error
        raise store_failed(where, why) from error


def _link(made: Path, final_path: Path) -> bool:
    try:
        os.link(made, final_path)
    except FileExistsError:
        # NFS may carry out a link, lose the answer and fail the repeated request: two names mean it was ours.
        return made.stat().st_nlink == 2
    _sync_folder(final_path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
