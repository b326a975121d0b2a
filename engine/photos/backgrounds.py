"""What a scene may stand before: the procedural backdrops, or photos that the user brings, each with a ground line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

from engine.errors import SampleError, UsageError
from engine.photos.decode_photo import decode_photo
from engine.photos.ground_line import estimate_ground_line
from engine.photos.listing import EXTENSIONS, list_files, open_folder, read_file
from engine.photos.metadata import clean_name, read_all_metadata
from engine.rows.values import UNKNOWN_LICENSE
from engine.storage.lock import BACKGROUNDS
from engine.storage.store import Store

OWN, DRAWN = "own", "drawn"
"""Instead of a folder: the photos of the concepts with the subjects taken out, and the procedural backdrops."""
DEFAULT_GROUND_LINE = 0.55
READERS = 8  # threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Where a subject stood that was taken out of a photo: `box` of it, xyxy in 0..1 of the square that is left."""

    box: tuple[float, float, float, float]
    concept: str
    class_name: str
    source_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """One place to stand.

    `ground_line` is the height, 0 (top) to 1 (bottom), of the horizon of the ground: objects stand below it.
    `uri` is empty for a procedural backdrop, which `engine.compose.backdrops` renders from its scene name and a seed.
    """

    background_id: str
    scene: str
    phrase: str
    ground_line: float
    license: str
    uri: str = ""
    sha256: str = ""
    anchor: Anchor | None = None


def to_jsonl(backgrounds: Iterable[Background]) -> bytes:
    """One JSON object a line, in a stable order."""
    return "".join(json.dumps(_fields(item), sort_keys=True) + "\n" for item in backgrounds).encode()


def _fields(item: Background) -> dict[str, Any]:
    return {name: value for name, value in asdict(item).items() if value is not None}


def read_catalogue(store: Store) -> tuple[Background, ...]:
    """The backgrounds that were locked with the run."""
    lines = store.read(BACKGROUNDS).decode().splitlines()
    return tuple(_read(json.loads(line)) for line in lines)


def _read(told: dict[str, Any]) -> Background:
    anchor = told.pop("anchor", None)
    return Background(**told, anchor=Anchor(**{**anchor, "box": tuple(anchor["box"])}) if anchor else None)


def by_id(backgrounds: Sequence[Background]) -> dict[str, Background]:
    """Backgrounds under their ids."""
    return {item.background_id: item for item in backgrounds}


def list_backgrounds(uri: str) -> tuple[Background, ...]:
    """The photos of a folder, each with what ``metadata.jsonl`` says of it.

    Keys: ``file_name``, ``phrase`` ("in a garden"), ``scene``, ``ground_line`` (0 top to 1 bottom), ``license``.
    Without them the folder's name is the scene, and the ground begins where it seems to.

    Raises:
        UsageError: PHOTOS_UNREADABLE, PHOTOS_METADATA, PHOTOS_NAME, BACKGROUNDS_EMPTY, BACKGROUND_UNREADABLE,
            BACKGROUND_GROUND.
    """
    filesystem, root = open_folder(uri)
    found = list_files(filesystem, root)
    facts = read_all_metadata(filesystem, found)
    images = [path for path in found if path.lower().endswith(EXTENSIONS)]
    if not images:
        raise UsageError("BACKGROUNDS_EMPTY", "holds no photos", where=uri, fix="leave --backgrounds out, or fill it")
    with ThreadPoolExecutor(READERS) as readers:  # a photo whose ground is guessed is decoded, some 30 ms
        return tuple(readers.map(lambda path: _background(filesystem, path, facts.get(path, {})), images))


def _background(filesystem: Any, path: str, facts: Mapping[str, Any]) -> Background:
    uri = filesystem.unstrip_protocol(path)
    data = _read_photo(uri)
    digest = sha256(data).hexdigest()
    scene = clean_name(str(facts.get("scene") or PurePosixPath(path).parent.name).replace("_", " ")) or "scene"
    ground = facts["ground_line"] if "ground_line" in facts else _guess_ground(data, uri)
    if isinstance(ground, bool) or not isinstance(ground, (int, float)) or not 0.0 <= ground <= 0.9:
        raise UsageError(
            "BACKGROUND_GROUND",
            f"ground_line {ground!r} is not a height",
            where=path,
            fix="0 (top) to 0.9, such as 0.55",
        )
    return Background(
        background_id=f"photo:{digest[:16]}",
        scene=scene,
        phrase=clean_name(str(facts.get("phrase") or f"in front of a {scene}")),
        ground_line=float(ground),
        license=clean_name(str(facts.get("license") or facts.get("licence") or UNKNOWN_LICENSE)),
        uri=uri,
        sha256=digest,
    )


def _guess_ground(data: bytes, uri: str) -> float:
    """A photo that cannot be decoded is found where it is needed."""
    try:
        return estimate_ground_line(decode_photo(data, where=uri).pixels)
    except SampleError:
        return DEFAULT_GROUND_LINE


def _read_photo(uri: str) -> bytes:
    try:
        return read_file(uri)
    except SampleError as error:
        raise UsageError("BACKGROUND_UNREADABLE", error.what, where=uri, why=error.why, fix=error.fix) from error
