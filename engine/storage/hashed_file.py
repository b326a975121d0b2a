"""A file that is hashed while it is written, by a thread beside: the hash of 13 MB takes as long as encoding them."""

from __future__ import annotations

import errno
import io
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, BinaryIO, final

from engine.failpoints import reach
from engine.storage.hashes import DIGEST_BYTES

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CHUNK, _BUFFER = 1 << 20, 1 << 18  # bytes that are handed to the thread at a time, and that it reads at a time


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: bytes, and their hash as `engine.storage.hashes.digest` gives it."""

    size: int
    blake2b: str


@final
class HashedFile(io.RawIOBase):
    """Passes on to `file` what is written here; inside a ``with``, which ends the thread.

    The thread reads the file back, from the operating system's memory. To keep what was written for it until it comes
    to it costs more: 6 ms for 13 MB, all of them page faults.
    """

    def __init__(self, file: BinaryIO) -> None:
        """On top of `file`, which is empty, and open for writing and reading."""
        self._file = file
        self._hash = blake2b(digest_size=DIGEST_BYTES)
        self._buffer = memoryview(bytearray(_BUFFER))
        self._beside = ThreadPoolExecutor(1)
        self._hashed: list[Future[None]] = []
        self._size = self._handed = 0

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        """Write all of `data`."""
        count = self._file.write(data)
        self._size += count
        if self._size - self._handed >= _CHUNK:
            self.flush()
        reach("mid_encode")
        return count

    def result(self) -> Written:
        """Size and hash of all that was written; waits for the thread."""
        self.flush()
        for part in self._hashed:
            part.result()
        return Written(self._size, self._hash.hexdigest())

    def flush(self) -> None:
        """Hand all to the operating system, and to the thread."""
        self._file.flush()
        if self._size > self._handed:
            self._hashed.append(self._beside.submit(self._update, self._handed, self._size))
            self._handed = self._size

    def close(self) -> None:
        """End the thread; the file below stays open."""
        try:
            super().close()
        finally:
            self._beside.shutdown(cancel_futures=True)

    def _update(self, start: int, stop: int) -> None:
        """Hash a part of the file; in the thread."""
        while start < stop:
            count = os.preadv(self._file.fileno(), [self._buffer[: stop - start]], start)
            if not count:
                raise OSError(errno.EIO, "what was just written cannot be read back")
            self._hash.update(self._buffer[:count])
            start += count
