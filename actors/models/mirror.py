"""Copies of hub models in one place of one's own: pulled once, checked by hash, and no hub is asked afterwards.

Where `MYCANVAS_MODELS` names such a place (a folder that every node mounts, or an fsspec URI such as ``s3://…``),
`actors.models.weights.local_weights` takes hub models from there alone. Of a place that is no folder each node keeps
one copy. A model lies in ``<org>/<name>/<commit>/``; ``<commit>.json`` beside it, written last, lists its files.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import fsspec

from engine.errors import EnvironmentProblem

VARIABLE = "MYCANVAS_MODELS"


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of a model: size in bytes, SHA-256 as 64 hex digits."""

    size: int
    sha256: str


def fetch_mirrored(model: str, revision: str, root: str) -> Path:
    """The local folder of a model that was pulled to `root`; copied to this node first where that is no folder.

    Raises:
        EnvironmentProblem: MODEL_NOT_PULLED, MODEL_DAMAGED.
    """
    files = read_index(model, revision, root)
    if "://" not in root:
        return Path(root).expanduser() / model / revision
    here = cache_folder("models") / model / revision
    with _alone(here):
        if not here.is_dir():
            _copied_here(model, revision, root, files, here)
    return here


def read_index(model: str, revision: str, root: str) -> Mapping[str, Listed]:
    """The files of a model in `root`, by their paths inside it.

    Raises:
        EnvironmentProblem: MODEL_NOT_PULLED.
    """
    system, base = fsspec.url_to_fs(root)
    try:
        index = json.loads(system.cat_file(f"{base}/{model}/{revision}.json"))
        return {name: Listed(**entry) for name, entry in index.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise EnvironmentProblem(
            "MODEL_NOT_PULLED",
            f"{model} at {revision[:8]} is not there, or was not pulled to the end",
            where=root,
            why=(str(error) or type(error).__name__).splitlines()[0],
            fix=f"mycanvas models pull RECIPE --to {root}, where the hub can be reached",
        ) from None


def push(folder: Path, model: str, revision: str, root: str) -> Mapping[str, Listed]:
    """Copy a model's folder to `root`, unless it is there; its files."""
    try:
        return read_index(model, revision, root)
    except EnvironmentProblem:
        pass
    system, base = fsspec.url_to_fs(root)
    place = f"{base}/{model}/{revision}"
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    for name, path in files.items():
        system.makedirs(f"{place}/{name}".rpartition("/")[0], exist_ok=True)
        system.put_file(str(path.resolve()), f"{place}/{name}")
    return seal(folder, model, revision, root)


def seal(folder: Path, model: str, revision: str, root: str) -> Mapping[str, Listed]:
    """Write the list of a model's files beside its place in `root`, which makes it one that was pulled."""
    system, base = fsspec.url_to_fs(root)
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    index = {path.relative_to(folder).as_posix(): _read_listing(path) for path in paths}
    text = json.dumps({name: asdict(each) for name, each in index.items()}, indent=1, sort_keys=True)
    system.pipe_file(f"{base}/{model}/{revision}.json", text.encode())
    return index


def damage_report(model: str, revision: str, root: str) -> list[str]:
    """What is wrong with a model in `root`, a line each; every byte is read.

    Raises:
        EnvironmentProblem: MODEL_NOT_PULLED.
    """
    system, base = fsspec.url_to_fs(root)
    return [
        f"{name}: {problem}"
        for name, entry in read_index(model, revision, root).items()
        if (problem := _problem(system, f"{base}/{model}/{revision}/{name}", entry))
    ]


def fetch_file(uri: str, to: Path) -> bool:
    """Copy one file to this node, whole or not at all; False where it is not there."""
    system, path = fsspec.url_to_fs(uri)
    if not system.isfile(path):
        return False
    with _alone(to):
        if not to.is_file():
            part = to.with_name(f".{to.name}.copy")
            system.get_file(path, str(part))
            part.replace(to)
    return True


def push_file(path: Path, uri: str) -> None:
    """Copy one file to where every node finds it."""
    system, place = fsspec.url_to_fs(uri)
    system.makedirs(place.rpartition("/")[0], exist_ok=True)
    system.put_file(str(path), place)


def _problem(system: Any, path: str, entry: Listed) -> str:
    try:
        with system.open(path, "rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return type(error).__name__
    return "" if digest == entry.sha256 else "other bytes than were pulled"


def _copied_here(model: str, revision: str, root: str, files: Mapping[str, Listed], here: Path) -> None:
    """Copy beside the place, check, then rename: a copy that was cut off is never taken for a model."""
    system, base = fsspec.url_to_fs(root)
    part = here.with_name(f"{revision}.part")
    shutil.rmtree(part, ignore_errors=True)
    for name, entry in files.items():
        target = part / name
        target.parent.mkdir(parents=True, exist_ok=True)
        system.get_file(f"{base}/{model}/{revision}/{name}", str(target))
        if _read_listing(target) != entry:
            raise EnvironmentProblem(
                "MODEL_DAMAGED",
                f"{name} of {model} has other bytes than were pulled",
                where=root,
                fix=f"remove {model}/{revision}.json there, then pull it again",
            )
    part.rename(here)


def _read_listing(path: Path) -> Listed:
    with path.open("rb") as file:
        return Listed(path.stat().st_size, file_digest(file, "sha256").hexdigest())


def cache_folder(kind: str) -> Path:
    """Where this machine keeps its own copies of models or nets."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "mycanvas" / kind


@contextmanager
def _alone(here: Path) -> Iterator[None]:
    """Of the workers of a node one copies and the others wait."""
    here.parent.mkdir(parents=True, exist_ok=True)
    with here.with_name(f"{here.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
