"""Which model it was: name, commit or hash of all bytes, and the licence that its card states."""

from __future__ import annotations

import re
from hashlib import blake2b, file_digest
from pathlib import Path

from actors.models.weights import PINNED, SHIPPED, files_ending
from engine.rows.values import UNKNOWN_LICENSE, Model

DUMMY = "dummy.json"
"""A file that marks a model's folder: its weights are random numbers."""

_LICENSE = re.compile(r"^(license|license_name):\s*['\"]?([\w.+-]+)", re.MULTILINE)


def stated_license(folder: Path) -> str:
    """The licence in a folder's model card, README.md; that of `license_name` where `license` is "other"."""
    card = folder / "README.md"
    text = card.read_text("utf-8", "replace") if card.is_file() else ""
    stated: dict[str, str] = dict(_LICENSE.findall(text.split("\n---", 1)[0])) if text.startswith("---") else {}
    plain = stated.get("license", UNKNOWN_LICENSE)
    return stated.get("license_name", plain) if plain == "other" else plain


def identify(name: str, folder: Path) -> Model:
    """The model as rows record it, the same on every machine.

    A snapshot of the hub, whose folder is called by its commit, is `name` at that commit. A shipped model goes by its
    name, any other folder by its last name, and both by a hash of their bytes. The licence is what the folder's own
    model card (README.md) states. Random weights are `dummy`, so that no row claims a model that never saw it.
    """
    license_ = stated_license(folder)
    if (folder / DUMMY).is_file():
        return Model(name=name, revision="dummy", license=license_)
    if PINNED.fullmatch(folder.name):
        return Model(name=name, revision=folder.name, license=license_)
    known = name.removeprefix(SHIPPED) if name.startswith(SHIPPED) else folder.resolve().name
    return Model(name=known, revision=fingerprint(folder), license=license_)


def fingerprint(path: Path) -> str:
    """`blake2b:` and 16 hex digits over names and bytes of a weights file, or of a folder's configs and weights.

    All bytes count (about 1 s for 1 GB): fine-tuned attention weights alone can lie anywhere in a file.
    """
    total = blake2b(digest_size=8)
    for file in [path] if path.is_file() else files_ending(path, ".json", ".txt", ".safetensors"):
        total.update(file.relative_to(path.parent if path.is_file() else path).as_posix().encode())
        with file.open("rb") as handle:
            total.update(file_digest(handle, lambda: blake2b(digest_size=32)).digest())
    return f"blake2b:{total.hexdigest()}"
