"""Text files that a person names on the command line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_BYTES = 16 * 1024**2  # a review of 200,000 cut-outs has 10 MB


def read_text_file(path: Path) -> str:
    """The text of a regular file, without a byte order mark.

    A pipe that nobody writes to would be waited for, and a device such as ``/dev/zero`` read for ever.

    Raises:
        OSError: as `open`, and for what is no regular file.
        ValueError: it is not UTF-8, longer than `MAX_BYTES`, or no path can be like that.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("it is a pipe, device or folder, and no regular file")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES:,} bytes")
    return data.decode("utf-8-sig")
