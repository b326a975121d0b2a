"""``metadata.jsonl`` beside photos: what folder names cannot say, one JSON object a line."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from engine.errors import UsageError

METADATA = "metadata.jsonl"
MAX_NAME = 64
KEYS = frozenset([
    "file_name", "concept", "class", "class_name", "license", "licence", "phrase", "scene", "ground_line", "source",
    "caption",
])  # fmt: skip
LeftOut = Callable[[str, str], None]
"""Is given a path and why it was left out."""


def clean_name(name: str) -> str:
    """A name that is safe to show: one line, no control or direction characters, at most 64 characters."""
    kept = "".join(letter for letter in unicodedata.normalize("NFC", name) if unicodedata.category(letter)[0] != "C")
    return " ".join(kept.split())[:MAX_NAME]


def read_all_metadata(filesystem: Any, paths: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """What every ``metadata.jsonl`` among `paths` says, by file; of two that speak of a file, the nearer one counts.

    Raises:
        UsageError: PHOTOS_METADATA names the file and line.
    """
    facts: dict[str, Mapping[str, Any]] = {}
    for path in sorted((path for path in paths if path.endswith("/" + METADATA)), key=lambda path: path.count("/")):
        facts.update(read_metadata(filesystem, path))
    return facts


def read_metadata(filesystem: Any, path: str) -> dict[str, Mapping[str, Any]]:
    """The lines of one ``metadata.jsonl``, under the full path of the file that each describes.

    Raises:
        UsageError: PHOTOS_METADATA names the file and line.
    """
    folder = str(PurePosixPath(path).parent)
    facts: dict[str, Mapping[str, Any]] = {}
    with filesystem.open(path, "rb") as file:
        lines = file.read().decode("utf-8-sig", errors="replace").split("\n")  # JSON may hold U+2028 as it is
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            name = str(entry["file_name"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UsageError(
                "PHOTOS_METADATA",
                'not a JSON object with a "file_name"',
                where=f"{path}:{number}",
                why=f"{type(error).__name__}: {error}",
                fix='write one object a line, such as {"file_name": "00.jpg", "class": "toy"}',
            ) from error
        facts[normpath(f"{folder}/{name}")] = entry
    return facts


def tell_of_metadata(facts: Mapping[str, Mapping[str, Any]], found: Collection[str], tell: LeftOut) -> None:
    """Tell of entries for files that are not among `found`, and of keys that nobody reads."""
    for path, entry in facts.items():
        if path not in found:
            tell(path, f"named in {METADATA}, and not there")
        for key in sorted(entry.keys() - KEYS):
            tell(path, f"{METADATA} says {clean_name(key)!r} of it, which is no key")
