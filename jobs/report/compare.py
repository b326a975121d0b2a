"""`mycanvas compare`: two datasets or views side by side, their numbers and some of their pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.dataset.score_table import open_scores
from engine.dataset.views import Dataset, open_dataset
from engine.errors import UsageError
from engine.photos.images import decode, resize
from engine.rows.schema import column_names
from engine.rows.values import Pixels
from jobs.report.pages import write_page
from jobs.report.stats import stats

COUNTS = ("rows", "accepted", "rejected", "failed", "units")
COLUMNS, GAP, HEAD = 4, 8, 40  # pictures in a line of one side; pixels between them, and for the title
PAPER, INK = (250, 250, 248), (30, 30, 30)


def compare(first: str, second: str) -> dict[str, Any]:
    """The numbers of both: counts, the median of every score, and by how much the second is higher.

    Raises:
        UsageError: DATASET_EMPTY.
    """
    reports = [stats(uri) for uri in (first, second)]
    names = [name for name in reports[0]["scores"] if name in reports[1]["scores"]]
    scores = {name: _pair(*(report["scores"][name] for report in reports)) for name in names}
    counts = {name: [report[name] for report in reports] for name in COUNTS}
    return {"datasets": [first, second], "counts": counts, "scores": scores}


def _pair(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    medians = [one["quantiles"][1], other["quantiles"][1]]
    means = [one["mean"], other["mean"]]
    return {"medians": medians, "means": means, "difference": means[1] - means[0]}


def lines(report: Mapping[str, Any]) -> list[str]:
    """The comparison for a person."""
    out = [f"A  {report['datasets'][0]}", f"B  {report['datasets'][1]}", "", f"{'':<28}{'A':>12}{'B':>12}"]
    out += [f"  {name:<26}" + "".join(f"{count:>12,}" for count in pair) for name, pair in report["counts"].items()]
    out += ["", f"{'mean':<28}{'A':>12}{'B':>12}{'B - A':>12}"]
    for name, said in report["scores"].items():
        one, other = said["means"]
        out.append(f"  {name:<26}{one:>12.3f}{other:>12.3f}{said['difference']:>+12.3f}")
    return out


def sheet(first: str, second: str, page: Path, *, count: int, side: int) -> None:
    """Write pictures of both beside each other: evenly spaced rows, in their order.

    Args:
        first: of a dataset or a view, on the left.
        second: on the right.
        page: image file; its suffix says which kind.
        count: pictures of each.
        side: pixels of a picture.

    Raises:
        UsageError: DATASET_EMPTY, ROWS_KIND, SHEET_KIND.
        EnvironmentProblem: PAGE_NOT_WRITTEN.
    """
    blocks = [_block(uri, count, side) for uri in (first, second)]
    gap = np.full((max(block.shape[0] for block in blocks), 3 * GAP, 3), PAPER, np.uint8)
    tall = [np.pad(block, ((0, len(gap) - len(block)), (0, 0), (0, 0)), constant_values=PAPER[0]) for block in blocks]
    sink = io.BytesIO()
    kind = Image.registered_extensions().get(page.suffix.lower(), "")
    if kind not in ("JPEG", "PNG", "WEBP"):
        raise UsageError("SHEET_KIND", f"no picture format ends in {page.suffix!r}", where=str(page), fix="sheet.jpg")
    Image.fromarray(np.concatenate((tall[0], gap, tall[1]), axis=1)).save(sink, kind, quality=88)
    write_page(page, sink.getvalue(), option="--sheet")


def _block(uri: str, count: int, side: int) -> Pixels:
    dataset = open_dataset(uri)
    if "image" not in column_names(dataset.record(), stored=True):
        raise UsageError("ROWS_KIND", "the rows have no picture", where=uri, fix="leave --sheet out")
    images = (
        row["image"]["bytes"] for table in _spaced_rows(dataset, count).tables(["image"]) for row in table.to_pylist()
    )
    shown = [resize(decode(image), side, side) for image in images]
    height = HEAD + -(-len(shown) // COLUMNS) * (side + GAP)
    block = np.full((height, COLUMNS * (side + GAP) - GAP, 3), PAPER, np.uint8)
    for number, picture in enumerate(shown):
        top, left = HEAD + number // COLUMNS * (side + GAP), number % COLUMNS * (side + GAP)
        block[top : top + side, left : left + side] = picture[..., :3]
    canvas = Image.fromarray(block)
    title = uri.rstrip("/").rpartition("/")[2]  # a store's name is printable
    ImageDraw.Draw(canvas).text((2, 8), title, INK, ImageFont.load_default(20))
    return np.asarray(canvas)


def _spaced_rows(dataset: Dataset, count: int) -> Dataset:
    """Evenly spaced rows of a dataset."""
    with open_scores(dataset) as scores:
        rows = scores.ask("select unit_id, sample_id from scores order by unit_id, sample_id")
    places = np.unique(np.linspace(0, rows.num_rows - 1, min(count, rows.num_rows)).round().astype(int))
    return replace(dataset, chosen=rows.take(places))
