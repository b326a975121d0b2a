"""The table of an evaluation: means with intervals by model and number of concepts, and ratios to the first model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

import numpy as np

from engine.metrics.bootstrap import CrossedSample, Interval, interval, ratio
from engine.metrics.evaluation import MEASURED
from engine.rows.evaluated import EvaluatedImage
from engine.storage.store import Store
from jobs.evaluate.page import put_page
from jobs.evaluate.protocols import NamedProtocol
from jobs.listed_run import read_rows

GROUPS: Mapping[str, tuple[int, ...]] = {
    "1": (1,), "2": (2,), "3": (3,), "2-3": (2, 3), "4": (4,), "5": (5,), "6": (6,), "7": (7,),
    "8": (8,), "9": (9,), "10": (10,),
}  # fmt: skip
"""Numbers of concepts; the published table has up to three, four and five."""
JSON, MARKDOWN = "evaluation.json", "evaluation.md"
CEILING = "real photos"
"""The row of photos that were trained on, in the place of drawings."""
CEILING_FOLDER = "real-photos"
Rows = Mapping[str, Sequence[EvaluatedImage]]
"""By the name of a model."""


def put_summary(
    store: Store, protocol: NamedProtocol, names: Mapping[str, str], wordings: Mapping[str, str]
) -> dict[str, Any]:
    """Write the table, as JSON, Markdown and a page.

    Args:
        store: of the evaluation.
        protocol: that was asked.
        names: of models, by the folder of their pictures.
        wordings: what captions about different casts have in common, by caption.
    """
    rows: dict[str, list[EvaluatedImage]] = {}
    for folder, name in names.items():
        measured = read_rows(f"{store.uri}/measured/{folder}", EvaluatedImage)
        rows.setdefault(name, []).extend(row for row in measured if name == CEILING or row.caption in wordings)
    models = sorted(
        {f"{model.name} {model.revision}" for each in rows.values() for row in each for model in row.models}
    )
    table = {
        "protocol": protocol.name,
        "description": protocol.description,
        "seed": protocol.spec.seed,
        "measured_by": models,
        "models": list(rows),
        "pictures": {name: len(each) for name, each in rows.items()},
        "cells": list(cells(rows, wordings)),
        "ratios": list(ratios(rows, wordings)),
    }
    store.put(JSON, (json.dumps(table, indent=1, allow_nan=False) + "\n").encode())
    store.put(MARKDOWN, markdown(table).encode())
    put_page(store, table, names)
    return table


def cells(rows: Rows, wordings: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Every mean that there is, with its interval."""
    for group, sizes in _groups(rows):
        for name, own in rows.items():
            for metric in MEASURED:
                found = interval(sample_of(own, metric, sizes, wordings))
                if found.count:
                    yield {"model": name, "subjects": group, "metric": metric, **asdict(found)}


def ratios(rows: Rows, wordings: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Every model over the first one."""
    first, *others = (name for name in rows if name != CEILING)
    for group, sizes in _groups(rows):
        for name in others:
            for metric in ("cp_clip", "cp_clip_assigned", "ti_clip", "identity", "swapped"):
                below = sample_of(rows[first], metric, sizes, wordings)
                found = ratio(sample_of(rows[name], metric, sizes, wordings), below)
                if _is_whole(found):
                    yield {"model": name, "over": first, "subjects": group, "metric": metric, **asdict(found)}


def _groups(rows: Rows) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The groups that have pictures, those of several numbers where there are several."""
    there = {len(row.concepts) for own in rows.values() for row in own}
    for group, sizes in GROUPS.items():
        if len(there & set(sizes)) >= min(len(sizes), 2):
            yield group, sizes


def _is_whole(found: Interval) -> bool:
    return all(isfinite(value) for value in (found.mean, found.low, found.high))


def sample_of(
    rows: Sequence[EvaluatedImage], metric: str, sizes: Sequence[int], wordings: Mapping[str, str]
) -> CrossedSample:
    """What some rows have of a metric, with their casts and wordings."""
    least = MEASURED[metric].least
    mine = [row for row in rows if len(row.concepts) in sizes and len(row.concepts) >= least]
    known = [(row, value) for row in mine if (value := value_of(row, metric)) is not None]
    return CrossedSample(
        np.array([value for _, value in known], np.float64),
        ["+".join(row.concepts) for row, _ in known],
        [wordings.get(row.caption, row.caption) for row, _ in known],
    )


def value_of(row: EvaluatedImage, metric: str) -> float | None:
    """A metric of a row: the mean over its concepts where each has a value of its own."""
    value = getattr(row, metric)
    if isinstance(value, tuple):
        known = [float(each) for each in value if each is not None]
        return float(np.mean(known)) if known else None
    return None if value is None else float(value)


def markdown(table: Mapping[str, Any]) -> str:
    """The table for people: one for each number of concepts."""
    return "\n".join(_lines(table)) + "\n"


def _lines(table: Mapping[str, Any]) -> Iterator[str]:
    found = {(cell["model"], cell["subjects"], cell["metric"]): cell for cell in table["cells"]}
    yield from (f"# {table['protocol']}", "", f"{table['description']}. Measured by {', '.join(table['measured_by'])}.")
    yield "Means with intervals of 95 %, by a bootstrap over casts and prompts."
    for group in GROUPS:
        metrics = [metric for metric in MEASURED if any(key[1:] == (group, metric) for key in found)]
        if not metrics:
            continue
        yield from ("", f"## {group} concept{'' if group == '1' else 's'}", "")
        yield f"| | {' | '.join(MEASURED[metric].label + arrow(metric) for metric in metrics)} | pictures |"
        yield f"|---|{'---|' * (len(metrics) + 1)}"
        for name in table["models"]:
            own = [found.get((name, group, metric)) for metric in metrics]
            if any(own):
                most = max((cell for cell in own if cell), key=lambda cell: int(cell["count"]))
                of = f"{most['count']}: {most['casts']} casts, {most['prompts']} prompts"
                yield f"| {name} | {' | '.join(_cell(cell) for cell in own)} | {of} |"
    if table["ratios"]:
        yield from ("", "## Ratios", "", "| | concepts | metric | ratio |", "|---|---|---|---|")
        for each in table["ratios"]:
            label = MEASURED[each["metric"]].label
            yield f"| {each['model']} / {each['over']} | {each['subjects']} | {label} | {_cell(each)} |"


def arrow(metric: str) -> str:
    """Which way is better."""
    return {True: " ↑", False: " ↓", None: ""}[MEASURED[metric].higher_is_better]


def _cell(cell: Mapping[str, Any] | None) -> str:
    return "" if cell is None else f"{cell['mean']:.3f} ({cell['low']:.3f} to {cell['high']:.3f})"
