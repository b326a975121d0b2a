"""Stores by URI: a path, ``file://``, ``s3://``."""

from __future__ import annotations

import re
import unicodedata
import uuid
from urllib.parse import urlsplit
from urllib.request import url2pathname

from engine.errors import UsageError
from engine.storage.local_store import open_folder
from engine.storage.store import TMP, Store


def open_store(uri: str) -> Store:
    """The store under a path, a ``file://`` or an ``s3://`` URI; nothing is read or written yet.

    Object stores take endpoint and credentials from the usual ``AWS_*`` environment variables.

    Raises:
        UsageError: URI_UNSUPPORTED, URI_NOT_A_FOLDER.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", uri)
    if not uri or any(unicodedata.category(letter)[0] == "C" for letter in uri):
        raise _uri_unsupported(uri, "it is empty or holds control characters")
    if scheme is None:
        return open_folder(uri)
    parts = urlsplit(uri)
    if parts.query or parts.fragment or uri.endswith(("?", "#")):
        raise _uri_unsupported(uri, "what follows ? or # is no part of a place, and would be cut off without a word")
    inner = parts.path.removeprefix("/").removesuffix("/")
    if inner and any(part in ("", ".", "..") for part in inner.split("/")):
        raise _uri_unsupported(uri, "its path has an empty part, `.` or `..`")
    if scheme[1] == "file" and parts.netloc in ("", "localhost"):
        return open_folder(url2pathname(parts.path))
    if scheme[1] == "s3" and parts.netloc:
        from engine.storage.s3_store import open_bucket  # a local run never loads it

        return open_bucket(parts.netloc, parts.path.strip("/"))
    raise _uri_unsupported(uri, f"{scheme[0]} is not among the known schemes, or names no bucket")


def require_writable(store: Store) -> None:
    """Write a file and delete it, so that an output that cannot be written is refused before an hour's work.

    Raises:
        EnvironmentProblem: STORE_DENIED, STORE_FAILED, DISK_FULL.
    """
    probe = f"{TMP}/{uuid.uuid4().hex}"
    store.put(probe, b"")
    store.delete(probe)


def _uri_unsupported(uri: str, why: str) -> UsageError:
    fix = "give a path or s3://bucket/prefix"
    return UsageError("URI_UNSUPPORTED", "cannot be used as a folder", where=repr(uri), why=why, fix=fix)
