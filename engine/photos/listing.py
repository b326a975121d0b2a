"""Photo folders: which photos there are, of which concept and class, under which licence. Names only; no pixels.

Two layouts: ``<concept>/<image>`` and the published ``<ensemble>/<concept>/<image>``. Digits that end a folder's name
mark instances of one class (``cat1``, ``cat2``). A ``metadata.jsonl`` beside the photos, or in a folder above them,
says better: ``{"file_name": "rc_car/00.jpg", "class": "toy", "license": "CC0-1.0", "concept": "rc_car"}``.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from engine.errors import SampleError, UsageError
from engine.photos.decode_photo import MAX_BYTES
from engine.photos.metadata import METADATA, LeftOut, clean_name, read_all_metadata, tell_of_metadata
from engine.rows.values import UNKNOWN_LICENSE

SCHEMES = ("file", "s3", "gs", "gcs", "az", "abfs", "hf")
"""What a worker elsewhere can read, and no server can redirect."""
STORES = "file", "s3"
"""Of these, where datasets lie too."""
EXTENSIONS = (
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif", ".jp2", ".jxl",
)  # fmt: skip
SHALLOW = 2  # parts of <concept>/<image>


MASK = re.compile(r"(.+)_mask(_[^/]*)?\.\w+", re.IGNORECASE)
"""Beside ``rex.jpg`` its matte: ``rex_mask.png``, ``rex_mask_isnet.png``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """One photo of one concept. Concepts of one ensemble, a folder of the published layout, go together.

    Attributes:
        mask: uri of its matte, ``NAME_mask….png`` beside ``NAME.jpg``; empty where there is none.
        mark: size, and time of change or ETag: while place and mark stay, the bytes do; empty where a place tells none.
        sha256: of the bytes, and of those of its matte; empty until a library has read them.
    """

    source: str
    concept: str
    class_name: str
    license: str = UNKNOWN_LICENSE
    ensemble: str = ""
    mask: str = ""
    mark: str = ""
    sha256: str = ""


def list_photos(uri: str, tell: LeftOut = lambda _path, _why: None) -> tuple[Photo, ...]:
    """Every photo below `uri`, in the order of its path.

    Args:
        uri: of the folder.
        tell: is given every file that is left out, and every line of metadata that says nothing, with the reason.

    Raises:
        UsageError: PHOTOS_UNREADABLE, PHOTOS_EMPTY, PHOTOS_METADATA, PHOTOS_NAME.
    """
    filesystem, root = open_folder(uri)
    found = list_files(filesystem, root, tell)
    facts = read_all_metadata(filesystem, found)
    images = _images(found, root, tell)
    masks = _masks(images, tell)
    tell_of_metadata(facts, found, tell)
    photos = []
    for path in images:
        if not MASK.fullmatch(path):
            named = _photo(
                filesystem.unstrip_protocol(path), facts.get(path, {}), PurePosixPath(path).relative_to(root)
            )
            mask = masks.get(path, "")
            mark = " ".join(filter(None, (found[path], found.get(mask, ""))))
            photos.append(replace(named, mark=mark, mask=filesystem.unstrip_protocol(mask) if mask else ""))
    if not photos:
        raise UsageError(
            "PHOTOS_EMPTY",
            "holds no photos in concept folders",
            where=uri,
            fix=f"arrange them as <concept>/<image> with one of {', '.join(EXTENSIONS)}",
        )
    return tuple(photos)


def _images(found: Iterable[str], root: str, tell: LeftOut) -> list[str]:
    """The pictures in concept folders."""
    images = []
    for path in found:
        if not path.lower().endswith(EXTENSIONS):
            if PurePosixPath(path).name != METADATA:
                tell(path, "no photo, by its name")
        elif len(PurePosixPath(path).relative_to(root).parts) < SHALLOW:
            tell(path, "in no concept folder")
        else:
            images.append(path)
    return images


def _masks(images: Sequence[str], tell: LeftOut) -> dict[str, str]:
    """Photo -> the first matte beside it."""
    by_stem = {path.rpartition(".")[0]: path for path in reversed(images) if not MASK.fullmatch(path)}
    masks: dict[str, str] = {}
    for path in images:
        if match := MASK.fullmatch(path):
            photo = by_stem.get(match[1], "")
            if not photo:
                tell(path, "a matte, by its name, of a photo that is not there")
            elif masks.setdefault(photo, path) != path:
                tell(path, "a second matte")
    return masks


def is_photos_alone(uri: str) -> bool:
    """Whether photos may be read from a place where no dataset can lie."""
    scheme, found, _ = uri.partition("://")
    return bool(found) and scheme in SCHEMES and scheme not in STORES


def open_folder(uri: str) -> tuple[Any, str]:
    """A file system and the folder's path in it.

    Raises:
        UsageError: PHOTOS_UNREADABLE when the scheme is not allowed or the folder cannot be read.
    """
    scheme = uri.split("://", maxsplit=1)[0] if "://" in uri else "file"
    if scheme not in SCHEMES or "::" in uri:
        what = "a chain of URIs (::)" if "::" in uri else f"{scheme}://"
        raise UsageError(
            "PHOTOS_UNREADABLE",
            f"{what} is not a place that every worker can read",
            where=uri,
            fix=f"use a folder on shared storage: {', '.join(SCHEMES)}",
        )
    try:
        filesystem, root = fsspec.url_to_fs(uri)
        readable = filesystem.isdir(root)
    except Exception as error:  # no credentials, no network, no library: each file system has errors of its own
        fix = "check the path, and the credentials of an object store"
        raise UsageError("PHOTOS_UNREADABLE", "cannot be opened", where=uri, why=str(error), fix=fix) from error
    if not readable:
        raise UsageError("PHOTOS_UNREADABLE", "there is no such folder", where=uri, fix="check the path")
    return filesystem, root.rstrip("/") or root


def list_files(filesystem: Any, root: str, tell: LeftOut = lambda _path, _why: None) -> dict[str, str]:
    """The full paths of all files below a folder, sorted, each with its `Photo.mark`; none that begins with a dot.

    `tell` is given pipes and devices, which would be waited for.

    Raises:
        UsageError: PHOTOS_NAME for a name that is not UTF-8 and so cannot be recorded.
    """
    listed = filesystem.find(root, detail=True)
    for path in [path for path, facts in listed.items() if facts.get("type") == "other" and _is_device(path)]:
        tell(path, "a pipe or device")
        del listed[path]
    found = {path: _mark(listed[path]) for path in sorted(listed) if not _is_hidden(path, root)}
    for path in found:
        if not _is_utf8(path):
            raise UsageError("PHOTOS_NAME", "the file's name is not UTF-8", where=ascii(path), fix="rename the file")
    return found


def read_file(uri: str) -> bytes:
    """The bytes of one photo, or the first of them that are too many for `engine.photos.decode_photo`.

    Raises:
        SampleError: PHOTO_UNREADABLE.
    """
    scheme, separator, _ = uri.partition("://")
    filesystem = fsspec.filesystem(scheme if separator else "file")  # fsspec.open takes "::" in a name for a chain
    try:
        with filesystem.open(uri, "rb") as file:
            data: bytes = file.read(MAX_BYTES + 1)
    except Exception as error:  # each file system has errors of its own
        raise SampleError(
            "PHOTO_UNREADABLE", "cannot be read", where=uri, why=str(error), fix="check its permissions or remove it"
        ) from error
    return data


def class_of(concept: str) -> str:
    """The class that a folder's name suggests: ``cat2`` -> ``cat``, ``house_plant`` -> ``house plant``."""
    words = re.sub(r"[_\-\s]+", " ", concept).strip()
    return re.sub(r"\s*\d+$", "", words) or words or "object"


def _photo(source: str, facts: Mapping[str, Any], relative: PurePosixPath) -> Photo:
    concept = clean_name(str(facts.get("concept") or relative.parent.name)) or "unnamed"
    class_name = facts.get("class") or facts.get("class_name") or class_of(concept)
    license_name = facts.get("license") or facts.get("licence") or UNKNOWN_LICENSE
    return Photo(
        source=source,
        concept=concept,
        class_name=clean_name(str(class_name)) or "object",
        license=clean_name(str(license_name)),
        ensemble=clean_name(relative.parts[-3]) if len(relative.parts) > SHALLOW else "",
    )


def _mark(facts: Mapping[str, Any]) -> str:
    changed = facts.get("ETag") or facts.get("mtime") or facts.get("LastModified") or ""
    return f"{facts.get('size', '')} {changed}" if changed else ""


def _is_device(path: str) -> bool:
    """Whether a path, or what it leads to, is a pipe, socket or device; a link to nothing is none."""
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _is_hidden(path: str, root: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(path).relative_to(root).parts)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
