"""`mycanvas gate calibrate`: thresholds that agree with a person's verdicts."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.dataset.score_table import Scores, open_scores
from engine.dataset.views import open_dataset
from engine.errors import UsageError
from engine.rows.composition import Composition
from engine.text_file import read_text_file
from planners.curate.calibrate import MEASURES, Fit, Goal, Measure, Values, calibrate, passes
from planners.curate.expression import Schema
from planners.curate.gate import Thresholds
from planners.curate.selection import schema_of
from planners.curate.where import number

WORDS = {"accept": 5.0, "accepted": 5.0, "yes": 5.0, "reject": 1.0, "rejected": 1.0, "no": 1.0}
FEWEST = 20  # of each verdict: fewer, and five folds promise nothing


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A fit, how many rows it was fitted to, how many of them are good, and what it would leave of the dataset."""

    fit: Fit
    labelled: int
    good: int
    rows: int
    kept: int
    kept_by_count: Mapping[int, tuple[int, int]]

    @property
    def where(self) -> str:
        """The thresholds as a condition of `filter`."""
        said = {measure.key: measure for measure in MEASURES}
        parts = [_condition(said[key], limit) for key, limit in self.fit.thresholds.items()]
        return " and ".join(parts) or "true"

    @property
    def settings(self) -> list[str]:
        """The thresholds as keys of a recipe; all others are said to be off, since recipes differ in what they ask."""
        unused = [key for key in Thresholds.model_fields if key not in self.fit.thresholds]
        off = [f"gate.{key}={'false' if key.startswith('require') else 'null'}" for key in unused]
        return [*(f"gate.{key}={limit:g}" for key, limit in self.fit.thresholds.items()), *off]


def _condition(measure: Measure, limit: float) -> str:
    own = f"{measure.value} {'>=' if measure.least else '<='} {limit:g}"
    return f"({own} or {measure.value} is null)" if measure.blank else own


def fit_gate(uri: str, labels: Path, *, accept: float, goal: Goal) -> Calibrated:
    """Fit the gate to labels.

    Args:
        uri: of the dataset that was looked at.
        labels: CSV with `sample_id` and `rating`, as the gallery downloads it: 1 to 5, or accept and reject.
        accept: the least rating of a good row.
        goal: what is to be reached.

    Raises:
        UsageError: LABELS_UNREADABLE, LABELS_FEW, and those of `engine.dataset.views`.
    """
    said = read_labels(labels)
    names, counts, measures, values = measure_rows(uri)
    place = {name: number for number, name in enumerate(names)}
    rated = [(place[name], rating >= accept) for name, rating in said.items() if name in place]
    good = np.array([flag for _, flag in rated], bool)
    if min(good.sum(), (~good).sum()) < FEWEST:
        raise UsageError(
            "LABELS_FEW",
            f"{int(good.sum())} rows are accepted and {int((~good).sum())} rejected by the labels",
            where=str(labels),
            why=f"{len(said) - len(rated)} labels are of rows that the dataset does not have" if said else "",
            fix=f"rate at least {FEWEST} of each, on one `mycanvas gallery` page; rejected rows are rated too",
        )
    fit = calibrate(values[[number for number, _ in rated]], good, measures, goal)
    kept = passes(values, measures, fit.thresholds)
    by_count = {int(n): (int(kept[counts == n].sum()), int((counts == n).sum())) for n in np.unique(counts)}
    return Calibrated(fit, len(good), int(good.sum()), len(names), int(kept.sum()), by_count)


def measure_rows(uri: str) -> tuple[list[str], NDArray[np.int64], list[Measure], Values]:
    """Names and numbers of objects of all rows of a dataset, the measures that they have, and N x K values.

    Raises:
        UsageError: those of `engine.dataset.views`.
    """
    dataset = open_dataset(uri)
    dataset.require(Composition)
    with open_scores(dataset) as scores:
        known = _known_measures(schema_of(scores.types()))
        names, counts, values = _table(scores, [*known.values()])
    return names, counts, [*known], values


def read_labels(path: Path) -> dict[str, float]:
    """Ratings by sample.

    Raises:
        UsageError: LABELS_UNREADABLE, with the line.
    """
    try:
        text = read_text_file(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, 0, str(error)) from error
    reader = csv.DictReader(io.StringIO(text))
    if not {"sample_id", "rating"} <= set(reader.fieldnames or ()):
        raise _unreadable(path, 1, "the first line must name the columns sample_id and rating")
    found: dict[str, float] = {}
    try:
        for row in reader:
            found[(row["sample_id"] or "").strip()] = _stars((row["rating"] or "").strip().lower())
    except (ValueError, csv.Error) as error:
        raise _unreadable(path, reader.line_num, str(error)) from None
    return found


def _stars(rating: str) -> float:
    stars = WORDS[rating] if rating in WORDS else float(rating)
    if math.isfinite(stars):
        return stars
    raise ValueError(f"{rating!r} is no rating")


def _unreadable(path: Path, line: int, why: str) -> UsageError:
    where = f"{path}:{line}" if line else str(path)
    fix = "take the file that a gallery page downloads, or write: sample_id,rating"
    return UsageError("LABELS_UNREADABLE", "the labels cannot be read", where=where, why=why, fix=fix)


def _known_measures(schema: Schema) -> dict[Measure, str]:
    """The measures that the rows can have, each with its SQL."""
    found = {}
    for measure in MEASURES:
        with suppress(UsageError):  # EXPRESSION_NAME: a dataset from before the score
            found[measure] = number(measure.value, schema).sql
    return found


def _table(scores: Scores, values: Sequence[str]) -> tuple[list[str], NDArray[np.int64], Values]:
    """Names, numbers of objects and N x K values of all rows."""
    columns = ", ".join(["sample_id", "num_objects", *(f"({sql})::double as m{k}" for k, sql in enumerate(values))])
    table = scores.ask(f"select {columns} from scores order by sample_id")  # noqa: S608  SQL of our own
    measured = [table.column(f"m{k}").to_numpy(zero_copy_only=False) for k in range(len(values))]
    counts = table.column("num_objects").to_numpy()
    return table.column("sample_id").to_pylist(), counts, np.stack(measured, axis=1)


def lines(made: Calibrated) -> list[str]:
    """What was fitted, for a person."""
    fit = made.fit
    said = [f"{made.labelled:,} labelled rows, {made.good:,} of them good"]
    for title, found in (("on these rows", fit.fitted), ("on held-out rows", fit.held_out)):
        said.append(f"  {title:<18} precision {found.precision:.2f}   recall {found.recall:.2f}   F1 {found.f1:.2f}")
    said.append(f"keeps {made.kept:,} of {made.rows:,} rows ({made.kept / max(made.rows, 1):.0%})")
    said += [f"  {count} objects: {kept:,} of {rows:,}" for count, (kept, rows) in made.kept_by_count.items()]
    said += ["", "in a recipe, or with --set:"]
    said += [f"  {setting}" for setting in made.settings]
    return [
        *said,
        "",
        "of what is there already:",
        f'  mycanvas filter DATASET --where "status is not null and {made.where}" --view VIEW',
    ]
