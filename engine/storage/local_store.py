"""A folder on a disk as a store: link() publishes a staged file, and fails where the name exists already."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, final

from engine.errors import EnvironmentProblem, UsageError
from engine.failpoints import reach
from engine.storage.hashed_file import HashedFile, Written
from engine.storage.store import AGAIN, TMP, Entry, Store, check_path, store_denied, store_failed

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


def open_folder(path: str) -> LocalStore:
    """The store under a path; nothing is read or written yet.

    Raises:
        UsageError: URI_NOT_A_FOLDER.
    """
    root = Path(path)
    with _explain_errors(str(root), ""):
        if root.exists() and not root.is_dir():
            raise UsageError("URI_NOT_A_FOLDER", "a file is in the place of the folder", where=str(root))
    return LocalStore(str(root.absolute()))


@final
@dataclass(frozen=True, slots=True)
class LocalStore(Store):
    """A folder on a disk or a network file system with hard links."""

    uri: str

    def create(self, path: str, data: bytes | memoryview, *, durable: bool = True) -> bool:
        if self.exists(path):
            return False
        with _explain_errors(self.uri, path), self._stage() as (staged, file):
            file.write(data)
            _finish(file, durable=durable)
            return self._publish(staged, path, durable=durable)

    def create_from(self, path: str, write: Callable[[Any], None]) -> Written | None:
        if self.exists(path):
            return None
        with _explain_errors(self.uri, path), self._stage() as (staged, file), HashedFile(file) as hashed:
            write(hashed)
            hashed.flush()
            _finish(file)
            return hashed.result() if self._publish(staged, path) else None

    def put(self, path: str, data: bytes | memoryview) -> None:
        with _explain_errors(self.uri, path), self._stage() as (staged, file):
            file.write(data)
            _finish(file)
            final_path = self._ready(path)
            reach("before_replace")
            staged.replace(final_path)
            _sync_folder(final_path.parent)

    def read(self, path: str) -> bytes:
        with _explain_errors(self.uri, path):
            return self._at(path).read_bytes()

    def read_many(self, paths: Sequence[str]) -> Iterator[bytes | None]:
        """One after the other: of small files, threads read fewer a second, as each holds the interpreter's lock."""
        for path in paths:
            try:
                yield self.read(path)
            except FileNotFoundError:
                yield None

    def open(self, path: str) -> BinaryIO:
        with _explain_errors(self.uri, path):
            return self._at(path).open("rb")

    def exists(self, path: str) -> bool:
        with _explain_errors(self.uri, path):
            return self._at(path).exists()

    def list(self, folder: str = "") -> Iterator[Entry]:
        with (
            suppress(FileNotFoundError),
            _explain_errors(self.uri, folder),
            os.scandir(self._folder(folder)) as found,
        ):
            for entry in found:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    yield from self.list(path)
                    continue
                with suppress(FileNotFoundError):  # another run may tidy up while we look
                    facts = entry.stat(follow_symlinks=False)
                    yield Entry(path, facts.st_size, facts.st_mtime)

    def names(self, folder: str) -> Iterator[str]:
        with (
            suppress(FileNotFoundError),
            _explain_errors(self.uri, folder),
            os.scandir(self._folder(folder)) as found,
        ):
            for entry in found:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry.name

    def delete(self, path: str) -> None:
        with _explain_errors(self.uri, path):
            at = Path(self.uri, check_path(path))
            self._folder(path.rpartition("/")[0])
            at.unlink(missing_ok=True)  # of a link the link, never what it leads to

    def _at(self, path: str) -> Path:
        return self._folder(check_path(path))

    def _folder(self, path: str) -> Path:
        """A place below the root, all parts of which are files and folders.

        A link could lead to anything that this user may touch, and a pipe would be waited for.

        Raises:
            UsageError: STORE_LINK.
        """
        at = Path(self.uri)
        for part in path.split("/") if path else ():
            at /= part
            _refuse_foreign(at)
        return at

    def _ready(self, path: str) -> Path:
        final_path = self._at(path)
        if not final_path.parent.is_dir():
            final_path.parent.mkdir(parents=True, exist_ok=True)
            _sync_folder(final_path.parent.parent)
        return final_path

    @contextmanager
    def _stage(self) -> Iterator[tuple[Path, BinaryIO]]:
        """A new file under a name that nobody reads and nobody else uses; the name is gone after the ``with``."""
        staged = self._ready(f"{TMP}/{os.getpid()}-{uuid.uuid4().hex}")
        try:
            with staged.open("x+b") as file:
                yield staged, file
        finally:
            staged.unlink(missing_ok=True)  # a full disk is not helped by half a file

    def _publish(self, staged: Path, path: str, *, durable: bool = True) -> bool:
        """Give a finished file its name, if nothing has it."""
        final_path = self._ready(path)
        reach("before_link")
        won = _link(staged, final_path)
        if won and durable:
            _sync_folder(final_path.parent)
        reach("after_link")
        return won


def _refuse_foreign(at: Path) -> None:
    """Refuse a link, pipe, socket or device; what is not there is none.

    Raises:
        UsageError: STORE_LINK.
    """
    try:
        mode = at.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return
    kind = "a link" if stat.S_ISLNK(mode) else "a pipe or device"
    fix = f"remove it, or put what it leads to in its place: cp -r {at.resolve()} …" if "link" in kind else "remove it"
    raise UsageError("STORE_LINK", f"{kind} stands where a file or folder of ours belongs", where=str(at), fix=fix)


def _finish(file: BinaryIO, *, durable: bool = True) -> None:
    file.flush()
    reach("after_tmp_write")
    if durable:
        os.fsync(file.fileno())
        reach("after_fsync")


@contextmanager
def _explain_errors(uri: str, path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        where, why = f"{uri}/{path}", str(error.strerror or error)
        if error.errno in _FULL:
            fix = f"free some space, then {AGAIN}"
            raise EnvironmentProblem("DISK_FULL", "no room for another file", where=where, why=why, fix=fix) from error
        if error.errno in _DENIED:
            raise store_denied(where, why, "let this user read and write there, or choose another folder") from error
        raise store_failed(where, why) from error


def _link(staged: Path, final_path: Path) -> bool:
    try:
        os.link(staged, final_path)
    except OSError as error:
        if error.errno in _NO_LINKS:
            raise EnvironmentProblem(
                "STORE_NO_LINKS",
                "the file system has no hard links",
                where=str(final_path.parent),
                why=str(error.strerror),
                fix="choose a folder on another one: not FAT, exFAT or a FUSE mount without them",
            ) from error
        if not isinstance(error, FileExistsError):
            raise
        # NFS may carry out a link, lose the answer and fail the repeated request: two names mean it was ours.
        return staged.stat().st_nlink == 2
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
