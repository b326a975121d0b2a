"""`mycanvas backgrounds index`: photos that phrases can find."""

from __future__ import annotations

import json
from dataclasses import dataclass

from actors.compose.embed import EmbedPhotos
from actors.models.licences import check_recipe
from actors.score.scorers import ClipSpec
from cluster.session import LOCAL, ON_THIS_MACHINE, session
from engine.errors import UsageError
from engine.photos.background_index import COLUMNS, index_folder, point_to_index
from engine.photos.backgrounds import list_backgrounds
from engine.rows.backgrounds import BackgroundEmbedding
from engine.storage.commits import failure_files
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from engine.storage.store import Store
from jobs.console import Console
from jobs.listed_run import ListedRun, fill_listed, read_rows

PHOTOS_PER_UNIT = 64


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
        rows=[{name: getattr(item, name) for name in COLUMNS} for item in listed],
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
