"""`mycanvas gallery`: committed rows as one self-contained page that needs no network, no server and no trust in names.

Read -> tile -> page. The page is `gallery.html` with its style and scripts inlined under a hash-only content security
policy; rows enter as JSON in a data block, and the scripts build the page with `textContent` alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.dataset.views import Dataset, empty, of_ids, open_dataset
from engine.metrics.table import table_of
from engine.rows.composition import Composition
from engine.rows.cutout import Cutout
from engine.rows.kinds import record_of
from engine.rows.schema import column_names, from_table
from engine.storage.parquet import open_shard
from engine.storage.store import Store
from jobs.report.gallery_layouts import paste_layouts
from jobs.report.gallery_scores import gallery_scores
from jobs.report.gallery_tiles import Tile, tile_of
from jobs.report.pages import fill_page, read_asset, write_page

BATCH_ROWS = 16  # of a shard are held at a time: rows carry encoded pictures
LARGE_SIDE, LARGE_COUNT = 768, 64  # px; beyond 64 tiles the side shrinks so that all pictures together stay as large
SCRIPTS = ("gallery.js", "gallery_overview.js", "gallery_detail.js")
FAILURE_COLUMNS = ("sample_id", "stage", "code", "message", "inputs")


@dataclass(frozen=True, slots=True)
class Contents:
    """What the page shows: rows in unit order, the failed rows of the same units, and how much of the data that is.

    `rows_there` counts all rows of the units that were read, of which the last may be shown in part.
    """

    rows: list[Any]
    failures: list[dict[str, str]]
    rows_there: int
    units_read: int
    units: int


def gallery(dataset_uri: str, page: Path, limit: int = 200, thumb: int = 320, library: str = "") -> int:
    """Write the first `limit` committed rows of a dataset, of layouts, or of any other run as one HTML page.

    Args:
        dataset_uri: folder or bucket prefix of a run or a library.
        page: the file to write; replaced whole or not at all.
        limit: most tiles on the page.
        thumb: longest side of a thumbnail, pixels.
        library: the cut-outs of layouts; empty: in the folder ``library`` beside them.

    Returns:
        The number of tiles.

    Raises:
        UsageError: DATASET_EMPTY where nothing is committed, ROWS_KIND where the rows name no kind that is known.
        EnvironmentProblem: PAGE_NOT_WRITTEN.
        Damaged: a shard is not what was committed.
    """
    dataset = open_dataset(dataset_uri)
    store = dataset.store
    contents = read_contents(dataset, limit)
    if any(isinstance(row, Composition) and row.placements for row in contents.rows):  # no shard of pictures has them
        shown = paste_layouts(contents.rows, store.uri, library or f"{store.uri}/library")
        contents = replace(contents, rows=shown)
    large = large_side(len(contents.rows), thumb)
    tiles = [tile_of(row, thumb, large) for row in contents.rows]
    text = render(dataset.uri.rstrip("/").rpartition("/")[2], contents, tiles)
    write_page(page, text.encode(), option="-o")
    return len(tiles)


def large_side(tiles: int, thumb: int) -> int | None:
    """Longest side of a detail picture, so that the page's size is bounded; None where the thumbnail is no smaller."""
    side = round(LARGE_SIDE * min(1.0, LARGE_COUNT / max(tiles, 1)) ** 0.5)
    return side if side > thumb else None


def read_contents(dataset: Dataset, limit: int) -> Contents:
    """The first `limit` rows of a dataset, and the failures that were committed with them; of a view, no failures."""
    store, shards = dataset.store, list(dataset.shards())
    if not shards:
        raise empty(dataset.uri)
    rows: list[Any] = []
    failures: list[dict[str, str]] = []
    there = read = 0
    for path, ids in shards:
        if len(rows) >= limit:
            break
        with open_shard(store, path) as shard:
            rows.extend(_rows(shard, path, limit - len(rows), ids))
            there += shard.metadata.num_rows if ids is None else len(ids)
        failures.extend(_failures(store, "failures/" + path.rpartition("/")[2]) if ids is None else [])
        read += 1
    return Contents(rows, failures, there, read, len(shards))


def _rows(shard: pq.ParquetFile, where: str, limit: int, ids: pa.Array | None) -> list[Any]:
    record = record_of(shard.schema_arrow, where)
    columns = [name for name in column_names(record, stored=False) if name in shard.schema_arrow.names]
    rows: list[Any] = []
    for batch in shard.iter_batches(batch_size=BATCH_ROWS, columns=columns):
        rows.extend(from_table(record, of_ids(pa.Table.from_batches([batch]), ids), columns))
        if len(rows) >= limit:
            break
    return rows[:limit]


def _failures(store: Store, path: str) -> list[dict[str, str]]:
    if not store.exists(path):
        return []
    with open_shard(store, path) as shard:
        columns = [name for name in FAILURE_COLUMNS if name in shard.schema_arrow.names]
        return [{key: _text(row[key]) for key in columns} for row in shard.read(columns=columns).to_pylist()]


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, default=str)


def render(name: str, contents: Contents, tiles: Sequence[Tile]) -> str:
    """The whole page as text. Equal contents give equal bytes."""
    style = read_asset("gallery.css")
    script = "\n".join(read_asset(part) for part in SCRIPTS)
    first = contents.rows[0] if contents.rows else None
    known = gallery_scores(table_of(*dict.fromkeys(map(type, contents.rows))))
    data = {
        "name": name,
        "key": _key(name, first),
        "kind": "cut-outs" if isinstance(first, Cutout) else "images",
        "rowsThere": contents.rows_there,
        "unitsRead": contents.units_read,
        "units": contents.units,
        "scores": [asdict(score) for score in known if any(score.key in tile.scores for tile in tiles)],
        "tiles": [asdict(tile) for tile in tiles],
        "failures": contents.failures,
    }
    return fill_page("gallery.html", title=name, style=style, script=script, data=data)


def _key(name: str, first: Any) -> str:
    """Under which a browser keeps the ratings: the same for a page with more tiles, another for another dataset."""
    start = (
        b"" if first is None else f"{first.sample_id} {first.seed} ".encode() + (getattr(first, "image", None) or b"")
    )
    return f"mycanvas:{name}:{blake2b(start, digest_size=8).hexdigest()}"
