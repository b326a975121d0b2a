"""A prefix of an S3-compatible bucket as a `Store`: the create that one writer wins is ``If-None-Match: *``."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, cast, final
from urllib.parse import urlsplit

import obstore
import pyarrow as pa
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from engine.errors import UsageError
from engine.limits import answer_limit_s
from engine.storage.hashed_file import Written
from engine.storage.hashes import digest
from engine.storage.store import Entry, Store, check_path, store_denied, store_failed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

NO_BUCKET = "NoSuchBucket"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CREATE_ATTEMPTS = 5
_READERS, _AHEAD = 16, 256  # requests at once; files that are read ahead
_BUFFER = 256 * 1024  # holds the footer of a shard in one request


def open_bucket(bucket: str, prefix: str) -> ObjectStore:
    """The store under ``s3://bucket/prefix``; endpoint and credentials from the ``AWS_*`` environment variables."""
    options = _options(_endpoint())
    uri = f"s3://{bucket}/{prefix}".rstrip("/")
    remote = S3Store(bucket, prefix=prefix or None, client_options=options)  # type: ignore[arg-type]
    return ObjectStore(uri, remote)


def _endpoint() -> str:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def _options(endpoint: str) -> dict[str, bool]:
    """Plain http for servers on this machine; elsewhere the library itself reads AWS_ALLOW_HTTP=true."""
    return {"allow_http": True} if urlsplit(endpoint).hostname in _LOOPBACK else {}


@cache
def _require_answer(bucket: str, endpoint: str) -> None:
    """Ask a bucket once a process, and try nothing again: later requests wait minutes for a service to come back.

    Raises:
        EnvironmentProblem: STORE_FAILED where nothing has answered after `engine.limits.answer_limit_s` seconds; what
            fails sooner is left to the request itself, which is tried again.
    """
    limit, began = answer_limit_s(), time.monotonic()
    known: Any = {
        "timeout": timedelta(seconds=limit),
        "connect_timeout": timedelta(seconds=limit),
        **_options(endpoint),
    }
    once = S3Store(bucket, client_options=known, retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=1)})
    with suppress(FileNotFoundError, BaseError):
        obstore.head(once, ".mycanvas-knock")
    if time.monotonic() - began >= limit:
        raise store_failed(f"s3://{bucket} at {endpoint or 'AWS'}", f"no answer within {limit:g} s")


@final
@dataclass(frozen=True, slots=True)
class ObjectStore(Store):
    """A prefix of an S3-compatible bucket. A PUT shows nothing before it is complete: no unfinished files."""

    uri: str
    remote: S3Store = field(repr=False)

    def create(self, path: str, data: bytes | memoryview, *, durable: bool = True) -> bool:
        del durable  # a PUT that was answered lasts
        with _explain_errors(self.uri, path):
            for _ in range(_CREATE_ATTEMPTS):
                try:
                    obstore.put(self.remote, check_path(path), data, mode="create")
                except AlreadyExistsError:
                    # 412: it is there. 409: another writer was under way, and may yet have failed.
                    if self.exists(path):
                        return False
                else:
                    return True
        raise store_failed(f"{self.uri}/{path}", f"{_CREATE_ATTEMPTS} creates in a row met a conflict and left no file")

    def create_from(self, path: str, write: Callable[[Any], None]) -> Written | None:
        """In memory first: a PUT has its condition for the whole object."""
        if self.exists(path):
            return None
        sink = pa.BufferOutputStream()  # 8 ms for 13 MB; through io.BytesIO 21 ms
        write(sink)
        data = memoryview(sink.getvalue()).cast("B")
        with ThreadPoolExecutor(1) as beside:
            hashed = beside.submit(digest, data)
            return Written(len(data), hashed.result()) if self.create(path, data) else None

    def put(self, path: str, data: bytes | memoryview) -> None:
        with _explain_errors(self.uri, path):
            obstore.put(self.remote, check_path(path), data)

    def read(self, path: str) -> bytes:
        with _explain_errors(self.uri, path):
            return bytes(obstore.get(self.remote, check_path(path)).bytes())

    def read_many(self, paths: Sequence[str]) -> Iterator[bytes | None]:
        with ThreadPoolExecutor(_READERS) as pool:
            for start in range(0, len(paths), _AHEAD):
                yield from pool.map(self._read_if_there, paths[start : start + _AHEAD])

    def _read_if_there(self, path: str) -> bytes | None:
        try:
            return self.read(path)
        except FileNotFoundError:
            return None

    def open(self, path: str) -> BinaryIO:
        with _explain_errors(self.uri, path):
            return cast("BinaryIO", io.BufferedReader(_Remote(self, path), _BUFFER))

    def exists(self, path: str) -> bool:
        try:
            with _explain_errors(self.uri, path):
                obstore.head(self.remote, check_path(path))
        except FileNotFoundError:
            return False
        return True

    def list(self, folder: str = "") -> Iterator[Entry]:
        with _explain_errors(self.uri, folder):
            for page in obstore.list(self.remote, check_path(folder) if folder else None):
                for meta in page:
                    yield Entry(meta["path"], meta["size"], meta["last_modified"].timestamp())

    def names(self, folder: str) -> Iterator[str]:
        above = len(folder) + 1
        return (name for entry in self.list(folder) if "/" not in (name := entry.path[above:]))

    def delete(self, path: str) -> None:
        with _explain_errors(self.uri, path):
            obstore.delete(self.remote, check_path(path))


@contextmanager
def _explain_errors(uri: str, path: str) -> Iterator[None]:
    where = f"{uri}/{path}"
    _require_answer(uri.removeprefix("s3://").partition("/")[0], _endpoint())
    try:
        yield
    except FileNotFoundError as error:
        if NO_BUCKET in str(error):
            raise _no_bucket(uri) from error
        raise
    except (PermissionDeniedError, UnauthenticatedError) as error:
        fix = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do in this bucket"
        raise store_denied(where, _first_line(error), fix) from error
    except BaseError as error:
        if NO_BUCKET in str(error):
            raise _no_bucket(uri) from error
        raise store_failed(where, _first_line(error)) from error


def _no_bucket(uri: str) -> UsageError:
    bucket = uri.removeprefix("s3://").partition("/")[0]
    return UsageError(
        "STORE_NO_BUCKET",
        f"there is no bucket {bucket!r}",
        where=uri,
        fix=f"create it, for example `aws s3 mb s3://{bucket}`, or look at its name, AWS_ENDPOINT_URL and AWS_REGION",
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


class _Remote(io.RawIOBase):
    """Ranged reads of one object."""

    def __init__(self, store: ObjectStore, path: str) -> None:
        self._store, self._path, self._position = store, check_path(path), 0
        self._size = obstore.head(store.remote, path)["size"]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        end = min(self._position + len(view), self._size)
        if end <= self._position:
            return 0
        with _explain_errors(self._store.uri, self._path):
            found = obstore.get_range(self._store.remote, self._path, start=self._position, end=end)
        view[: len(found)] = memoryview(found)
        self._position += len(found)
        return len(found)
