"""One folder on a disk or in an object store: files that appear whole or not at all, and a create that one writer wins.

All that the commit protocol asks of storage is to create: put if absent, atomic, durable when it returns. On disks that
is link(), which fails where the name exists and never shows half a file; on object stores a PUT with
``If-None-Match: *``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from engine.errors import EnvironmentProblem, MyCanvasError
from engine.storage.hashed_file import Written

TMP = "_tmp"
AGAIN = "run the same command again: it goes on where it stopped"


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
    def create(self, path: str, data: bytes | memoryview, *, durable: bool = True) -> bool:
        """Put `data` if nothing is there; False, and nothing changed, when something is.

        Without `durable` a power cut may later take the file, or half of it: for what can be made anew, and shows that
        it is broken.
        """

    @abstractmethod
    def create_from(self, path: str, write: Callable[[Any], None]) -> Written | None:
        """As `create`, of what `write` writes into the file object that it is given; None when something is there.

        The file grows while `write` is at work, where the storage can do that, and is hashed meanwhile. What `write`
        raises is raised, and leaves nothing behind.
        """

    @abstractmethod
    def put(self, path: str, data: bytes | memoryview) -> None:
        """Put `data` in place of whatever is there, in one step."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """The whole file."""

    @abstractmethod
    def read_many(self, paths: Sequence[str]) -> Iterator[bytes | None]:
        """Whole files, in order, None for one that is missing; read ahead where reading is mostly waiting."""

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


def store_denied(where: str, why: str, fix: str) -> EnvironmentProblem:
    """The storage refuses."""
    return EnvironmentProblem("STORE_DENIED", "the storage does not let us in", where=where, why=why, fix=fix)


def store_failed(where: str, why: str) -> EnvironmentProblem:
    """The storage fails for a reason of its own."""
    fix = f"see to the disk or the network, then {AGAIN}"
    return EnvironmentProblem("STORE_FAILED", "the storage failed", where=where, why=why, fix=fix)


def check_path(path: str) -> str:
    """`path`, if it is relative, has no empty, ``.`` or ``..`` part and no control character.

    Raises:
        MyCanvasError: STORE_PATH; a mistake of the program, as no name of a user becomes a path.
    """
    if not path.isprintable() or "\\" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise MyCanvasError("STORE_PATH", "not a path inside a store", where=repr(path))
    return path
