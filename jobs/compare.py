"""`mycanvas compare`: two datasets or views side by side, their numbers and some of their pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.dataset import Dataset, of_ids, open_dataset
from engine.errors import UsageError
from engine.images import decode, resize
from engine.parquet import open_shard
from engine.records import Pixels
from engine.scores import open_scores
from jobs.pages import write_page
from jobs.stats import stats

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
        UsageError: DATASET_EMPTY, SHEET_KIND.
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
    shown = [resize(decode(image), side, side) for image in _images(dataset, _spaced(dataset, count))]
    height = HEAD + -(-len(shown) // COLUMNS) * (side + GAP)
    block = np.full((height, COLUMNS * (side + GAP) - GAP, 3), PAPER, np.uint8)
    for number, picture in enumerate(shown):
        top, left = HEAD + number // COLUMNS * (side + GAP), number % COLUMNS * (side + GAP)
        block[top : top + side, left : left + side] = picture[..., :3]
    canvas = Image.fromarray(block)
    title = "".join(letter if letter.isprintable() else "?" for letter in uri.rstrip("/").rpartition("/")[2])
    ImageDraw.Draw(canvas).text((2, 8), title, INK, ImageFont.load_default(20))
    return np.asarray(canvas)


def _spaced(dataset: Dataset, count: int) -> list[str]:
    """Ids of evenly spaced rows."""
    with open_scores(dataset) as scores:
        names = scores.ask("select sample_id from scores order by unit_id, sample_id").column(0).to_pylist()
    places = np.unique(np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int))
    return [names[place] for place in places]


def _images(dataset: Dataset, names: Sequence[str]) -> list[bytes]:
    wanted, found = set(names), []
    for path, ids in dataset.shards():
        with open_shard(dataset.store, path) as shard:
            here = of_ids(shard.read(columns=["sample_id"]), ids).column("sample_id").to_pylist()
            if wanted.isdisjoint(here):
                continue
            rows = shard.read(columns=["sample_id", "image"]).to_pylist()
        found += [row["image"]["bytes"] for row in rows if row["sample_id"] in wanted]
    return found
