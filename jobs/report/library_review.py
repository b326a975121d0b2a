"""`mycanvas library review`: every photo beside its matte, worst first, as a page on which a person judges."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from engine.errors import SampleError, UsageError
from engine.photos.decode_photo import decode_photo
from engine.photos.exclusions import read_exclusions
from engine.photos.images import decode, resize
from engine.photos.listing import read_file
from engine.rows.cutout import Cutout
from engine.rows.schema import from_table
from engine.rows.values import ACCEPTED, Pixels
from engine.storage.commits import data_files
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from jobs.report.pages import fill_page, read_asset, write_page

PANEL = 240  # px, each of the four: the photo, its matte over magenta and over white, the edge
LOUPE = 60  # px of the cut-out that the edge panel shows
MAGENTA, WHITE = (255, 0, 255), (255, 255, 255)
COLUMNS = (
    "sample_id", "unit_id", "seed", "source", "concept", "class_name", "cutout_id", "image", "cut_borders", "quality",
    "notes", "status",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedCutout:
    """A cut-out on the page."""

    cutout_id: str
    concept: str
    class_name: str
    source: str
    quality: float | None
    cut_borders: tuple[str, ...]
    notes: tuple[str, ...]
    excluded: str
    picture: str
    """Four panels side by side, a WebP in base64."""


def review(uri: str, page: Path, limit: int = 400) -> int:
    """Write the page; returns how many cut-outs it shows, the `limit` worst.

    Raises:
        UsageError: LIBRARY_EMPTY.
        EnvironmentProblem: PAGE_NOT_WRITTEN.
    """
    store = open_store(uri)
    excluded = read_exclusions(store)
    rows = sorted(_rows(uri), key=lambda row: (2.0 if row.quality is None else row.quality, row.cutout_id))[:limit]
    if not rows:
        fix = "make it: mycanvas library add LIB --photos DIR"
        raise UsageError("LIBRARY_EMPTY", "holds no cut-outs", where=uri, fix=fix)
    shown = [asdict(_for_review(row, excluded.get(row.cutout_id, ""))) for row in rows]
    name = store.uri.rstrip("/").rpartition("/")[2]
    data = {"key": f"mycanvas-review:{store.uri}", "cutouts": shown}
    style, script = (read_asset(f"review.{kind}") for kind in ("css", "js"))
    text = fill_page("review.html", title=f"Review of {name}", style=style, script=script, data=data)
    write_page(page, text.encode(), option="-o")
    return len(rows)


def _rows(uri: str) -> Iterator[Cutout]:
    store = open_store(uri)
    for path in data_files(store):
        with open_shard(store, path) as shard:
            rows = from_table(Cutout, shard.read(columns=list(COLUMNS)), COLUMNS)
        yield from (row for row in rows if row.status == ACCEPTED)


def _for_review(row: Cutout, excluded: str) -> ReviewedCutout:
    pixels = decode(row.image or b"")
    panels = [_photo(row.source), _over(pixels, MAGENTA), _over(pixels, WHITE), _loupe(pixels)]
    sink = io.BytesIO()
    Image.fromarray(np.concatenate(panels, axis=1)).save(sink, "WEBP", quality=80)
    return ReviewedCutout(
        cutout_id=row.cutout_id,
        concept=row.concept,
        class_name=row.class_name,
        source=row.source,
        quality=None if row.quality is None else round(row.quality, 3),
        cut_borders=row.cut_borders,
        notes=row.notes,
        excluded=excluded,
        picture=base64.b64encode(sink.getvalue()).decode(),
    )


def _photo(source: str) -> Pixels:
    """The photo as a panel; grey where it is no longer there."""
    try:
        return _panel(decode_photo(read_file(source), where=source).pixels[..., :3], (128, 128, 128))
    except SampleError:
        return np.full((PANEL, PANEL, 3), 128, np.uint8)


def _over(cutout: Pixels, color: tuple[int, int, int]) -> Pixels:
    return _panel(_flatten(cutout, color), color)


def _flatten(cutout: Pixels, color: tuple[int, int, int]) -> Pixels:
    alpha = cutout[..., 3:].astype(np.float32) / 255
    return np.rint(cutout[..., :3] * alpha + np.array(color, np.float32) * (1 - alpha)).astype(np.uint8)


def _loupe(cutout: Pixels) -> Pixels:
    """Where the most of the edge is, four times as large: a halo or a hard step shows here."""
    soft = ((cutout[..., 3] > 16) & (cutout[..., 3] < 240)).astype(np.float32)
    density = cv2.boxFilter(soft, -1, (LOUPE, LOUPE), normalize=False, borderType=cv2.BORDER_CONSTANT)
    y, x = np.unravel_index(int(density.argmax()), density.shape)
    top, left = (
        max(0, min(int(at) - LOUPE // 2, side - LOUPE)) for at, side in ((y, soft.shape[0]), (x, soft.shape[1]))
    )
    part = _flatten(cutout[top : top + LOUPE, left : left + LOUPE], MAGENTA)
    scale = PANEL // max(part.shape[:2])
    return _panel(part.repeat(scale, axis=0).repeat(scale, axis=1), MAGENTA)


def _panel(pixels: Pixels, color: tuple[int, int, int]) -> Pixels:
    """Fitted into the middle of a square of `PANEL` px."""
    height, width = pixels.shape[:2]
    scale = min(PANEL / height, PANEL / width, 4.0)
    small = resize(np.ascontiguousarray(pixels), max(1, round(width * scale)), max(1, round(height * scale)))
    whole = np.full((PANEL, PANEL, 3), color, np.uint8)
    y, x = (PANEL - small.shape[0]) // 2, (PANEL - small.shape[1]) // 2
    whole[y : y + small.shape[0], x : x + small.shape[1]] = small
    return whole
