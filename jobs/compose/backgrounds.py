"""`mycanvas backgrounds`: photos that phrases can find, and pictures for phrases that no photo fits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

from actors.compose.embed import EmbedPhotos
from actors.compose.generate import Generation, PaintBackground
from actors.models.licences import check_licences, check_recipe
from actors.score.scorers import ClipSpec
from cluster.session import LOCAL, ON_THIS_MACHINE, session
from engine.errors import UsageError
from engine.photos.background_index import COLUMNS, index_folder, point_to_index
from engine.photos.backgrounds import list_backgrounds
from engine.photos.metadata import METADATA
from engine.rows.backgrounds import BackgroundEmbedding, PaintedBackground
from engine.storage.commits import failure_files
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from engine.storage.store import Store
from jobs.compose.listed_run import ListedRun, fill_listed, read_rows
from jobs.console import Console
from planners.compose.captions import printable

PHOTOS_PER_UNIT, PICTURES_PER_UNIT = 64, 4


@dataclass(frozen=True, slots=True)
class Indexed:
    """What became of a folder of photos."""

    photos: int
    unreadable: tuple[str, ...]
    model: str


def index(uri: str, clip: ClipSpec, console: Console, address: str = LOCAL) -> Indexed:
    """Write down what a CLIP model makes of every photo of a folder, beside the photos; what cannot be read is named.

    Raises:
        UsageError: those of `engine.photos.backgrounds.list_backgrounds`, BACKGROUNDS_UNREADABLE, and of the model.
        EnvironmentProblem: those of the model.
    """
    listed, named = list_backgrounds(uri), clip.model_dump(mode="json")
    stage = EmbedPhotos(clip=clip)
    check_recipe((stage,), (), here=address in ON_THIS_MACHINE)
    store, folder = open_store(uri), index_folder(listed, named)
    out = f"{store.uri}/{folder}"
    run = ListedRun(
        record=BackgroundEmbedding,
        columns=COLUMNS,
        rows=[asdict(item) for item in listed],
        stage=stage,
        out=out,
        unit_size=PHOTOS_PER_UNIT,
    )
    with session(address) as capacity:
        fill_listed(run, capacity, console)
    rows = list(read_rows(out, BackgroundEmbedding))
    unreadable = tuple(_failed_photos(open_store(out)))
    if not rows:
        raise UsageError("BACKGROUNDS_UNREADABLE", "none of the photos can be read", where=uri, why=unreadable[0])
    point_to_index(store, folder, named)
    return Indexed(len(rows), unreadable, rows[0].models[0].name)


def _failed_photos(store: Store) -> list[str]:
    lines = []
    for path in failure_files(store):
        with open_shard(store, path) as shard:
            rows = shard.read(columns=["inputs", "code"]).to_pylist()
        lines += [f"{json.loads(row['inputs'])['uri']}  {row['code']}" for row in rows]
    return lines


def generate(
    phrases: Sequence[str],
    out: Path,
    spec: Generation,
    *,
    each: int,
    size: int,
    seed: int,
    console: Console,
    address: str = LOCAL,
) -> list[Path]:
    """Pictures of phrases as a folder of backgrounds, with the model and its licence in their metadata.

    What is there already is not made again; phrases may be added behind those that are there.

    Args:
        phrases: such as "on a sandy beach".
        out: folder of the pictures.
        spec: which model, and how.
        each: pictures of every phrase.
        size: pixels, the side of a picture.
        seed: of what is drawn.
        console: where progress is shown.
        address: of Ray.

    Raises:
        UsageError: LICENCE_REFUSED, RUN_CHANGED, and those of the model.
        EnvironmentProblem: those of the model.
    """
    check_licences((spec,), spec.accept_licence)
    stage = PaintBackground(generation=spec, root_seed=seed)
    check_recipe((stage,), spec.accept_licence, here=address in ON_THIS_MACHINE)
    asked = json.dumps([stage.affects_data(), each, size])
    store = open_store(str(out))
    run = ListedRun(
        record=PaintedBackground,
        columns=("file_name", "phrase", "take"),
        rows=[
            {"file_name": f"{number:04d}-{take:02d}.jpg", "phrase": phrase, "take": take}
            for number, phrase in enumerate(phrases)
            for take in range(each)
        ],
        stage=stage,
        out=f"{store.uri}/.mycanvas/painted-{blake2b(asked.encode(), digest_size=8).hexdigest()}",
        unit_size=PICTURES_PER_UNIT,
        size=size,
    )
    with session(address) as capacity:
        fill_listed(run, capacity, console)
    return [out / name for name in _write_pictures(store, run.out)]


def _write_pictures(store: Store, run: str) -> list[str]:
    """Pictures of a run as files, and what is known of them; returns their names."""
    lines = []
    for row in read_rows(run, PaintedBackground):
        if not store.exists(row.file_name):
            store.put(row.file_name, row.image or b"")
        model = row.models[0]
        facts = {"phrase": row.phrase, "license": model.license, "generator": f"{model.name} {model.revision}"}
        lines.append({"file_name": row.file_name, **facts})
    store.put(METADATA, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
    return [line["file_name"] for line in lines]


def read_phrases(path: Path) -> list[str]:
    """One phrase a line; empty lines and those that begin with # are left out."""
    lines = (printable(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]
