"""Model files from an https address, each pinned by size and SHA-256; a download that was cut off goes on."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, final

from engine.errors import EnvironmentProblem
from engine.limits import answer_limit_s

BLOCK = 1 << 20
Tell = Callable[[int], None]
"""Is given the bytes that came."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsFile:
    """A file at an https address: `size` in bytes, `sha256` as 64 hex digits."""

    url: str
    size: int
    sha256: str

    def __str__(self) -> str:
        return self.url


def fetch_from_https(wanted: HttpsFile, to: Path, tell: Tell = lambda _: None) -> Path:
    """Put the file at `to`, whole or not at all; one that is there and has the right bytes is left alone.

    What came of it before the connection broke stays beside it, and the next call asks for the rest.

    Raises:
        EnvironmentProblem: DOWNLOAD_FAILED; MODEL_DAMAGED where other bytes came than are written down.
    """
    if to.is_file() and has_hash(to, wanted.size, wanted.sha256):
        return to
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{to.name}.part")
    try:
        _fetch_rest(wanted, part, tell)
    except (OSError, HTTPException, ValueError) as error:  # urllib's errors derive from OSError
        have = part.stat().st_size if part.is_file() else 0
        raise EnvironmentProblem(
            "DOWNLOAD_FAILED",
            f"{have:,} of {wanted.size:,} bytes came",
            where=wanted.url,
            why=str(error) or type(error).__name__,
            fix=f"the same command again goes on from there; or put the file at {to} yourself",
        ) from None
    if not has_hash(part, wanted.size, wanted.sha256):
        size = part.stat().st_size
        part.unlink()
        raise EnvironmentProblem(
            "MODEL_DAMAGED",
            f"{wanted} has other bytes than are written down for it",
            why=f"{size:,} bytes of {wanted.size:,}",
            fix="try again; if that does not help, take the file from elsewhere and name its path",
        )
    part.replace(to)
    return to


def has_hash(path: Path, size: int, digest: str) -> bool:
    """Whether a file has this size in bytes and this SHA-256."""
    if path.stat().st_size != size:
        return False
    with path.open("rb") as file:
        found = sha256()
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest() == digest


@final
class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects, which releases are behind, but never to another scheme."""

    def redirect_request(  # noqa: PLR0917 - the signature of the standard library
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https://"):
            raise ValueError(f"is sent on to {newurl.partition(':')[0]}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch_rest(wanted: HttpsFile, part: Path, tell: Tell) -> None:
    """Bytes behind those that are there; all of them where the server does not know ranges."""
    if not wanted.url.startswith("https://"):
        raise ValueError("is no https address")
    have = part.stat().st_size if part.is_file() else 0
    if have >= wanted.size:
        have = 0
    ask = urllib.request.Request(wanted.url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - https
    with urllib.request.build_opener(_HttpsOnly).open(ask, timeout=answer_limit_s()) as answer:
        goes_on = have > 0 and answer.status == 206
        have = have if goes_on else 0
        tell(have)
        with part.open("ab" if goes_on else "wb") as file:
            while have <= wanted.size and (block := answer.read(BLOCK)):  # a byte too many ends it
                file.write(block)
                have += len(block)
                tell(len(block))
            file.flush()
            os.fsync(file.fileno())
    if have < wanted.size:
        raise ConnectionError("the connection ended early")
