"""The page of an evaluation: its table, and what each model drew of the same questions."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np

from engine.metrics.evaluation import MEASURED
from engine.photos.images import decode, encode_jpeg, resize
from engine.rows.generated import GeneratedImage
from engine.storage.store import Store
from jobs.listed_run import read_rows
from jobs.report.pages import fill_page, read_asset

PAGE = "report.html"
TILE, SHOWN = 160, 8  # px of a picture, and how many of each number of concepts
READ = 2_000  # pictures that are looked through for them


def put_page(store: Store, table: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Put ``report.html``."""
    data = {
        "table": table,
        "metrics": {
            name: {"label": each.label, "about": each.about, "up": each.higher_is_better}
            for name, each in MEASURED.items()
        },
        "sheets": [sheet for folder, name in names.items() for sheet in _sheets(store, folder, name)],
    }
    style, script = read_asset("training.css"), read_asset("evaluation.js")
    page = fill_page("evaluation.html", title=table["protocol"], style=style, script=script, data=data)
    store.put(PAGE, page.encode())


def _sheets(store: Store, folder: str, name: str) -> list[dict[str, Any]]:
    """The first picture of each question, a sheet for each number of concepts."""
    found: dict[int, list[GeneratedImage]] = {}
    for row in islice(read_rows(f"{store.uri}/drawn/{folder}", GeneratedImage), READ):
        mine = found.setdefault(len(row.concepts), [])
        if row.take == 0 and len(mine) < SHOWN:
            mine.append(row)
    return [
        {
            "model": name,
            "subjects": size,
            "captions": [row.caption for row in rows],
            "sheet": base64.b64encode(encode_jpeg(np.hstack([_tile(row) for row in rows]))).decode(),
        }
        for size, rows in sorted(found.items())
        if rows
    ]


def _tile(row: GeneratedImage) -> Any:
    pixels = decode(row.image or b"")
    edge = min(pixels.shape[:2])
    return resize(np.ascontiguousarray(pixels[:edge, :edge, :3]), TILE, TILE)
