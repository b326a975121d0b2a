"""Does the gate find planted defects? Toys that no model saw, 500 rows of each kind, scored by the micro family.

The clean rows are blended onto drawn backgrounds, because a painter may add toys that nobody knows of. Thresholds are
fitted to half of the rows and measured on the other half, for several shares of clean rows that may be turned away.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actors.compose.inpaint import Inpaint
from actors.compose.paste import CanvasSources, Paste, paste_row
from actors.compose.restore import Restore
from actors.compose.score import Score, score_row
from actors.score.scorers import Judges, judges_of, verdicts
from benchmarks.quality.planted_defects import CLEAN, KINDS, Planted
from benchmarks.support.child_process import mycanvas
from benchmarks.support.figure import Figure
from engine.dataset.committed_rows import CommittedRows
from engine.dataset.score_table import open_scores
from engine.dataset.views import open_dataset
from engine.photos.backgrounds import by_id, read_catalogue
from engine.photos.images import decode
from engine.photos.library import Library, PixelCache, open_library
from engine.rows.composition import Composition
from engine.rows.schema import column_names, to_table
from engine.rows.values import ACCEPTED, Pixels
from engine.run.stage import Run, Worker
from engine.seeds import rng, sample_id
from engine.storage.commits import commit_unit, list_committed
from engine.storage.manifest import write_manifest
from engine.storage.open_store import open_store
from jobs.compose.recipes import load
from jobs.curate.calibrate import measure_rows
from planners.curate.calibrate import Goal, Measure, Values, calibrate, passes

EACH = int(os.environ.get("MYCANVAS_GATE_ROWS", "500"))
SEED = 90210  # of the toys; the models were trained on seeds 0 to 9 and measured on others
SPARE = 1.4  # clean rows for each that is needed: not every row can have every defect
RECALL, REJECTED = 0.95, 0.10
BUDGETS = (0.02, 0.05, 0.08, 0.10, 0.15, 0.20, 0.30)
PIXELS = ("min_identity_psnr", "min_visible_fraction", "max_cut_edge", "max_seam")
LIMIT_S = 1800.0


def run() -> list[Figure]:
    """Two figures: the whole gate, and the models alone, to which nothing is known of what was pasted."""
    with tempfile.TemporaryDirectory(prefix="mcb") as folder:
        home = Path(os.environ.get("MYCANVAS_GATE_KEEP", folder))
        compose(home)
        plant(home)
        table = read(home / "planted")
    return [
        _figure("defects found by the gate", table, np.ones(len(table.measures), bool), rules=True),
        _figure(
            "defects found by models alone", table, np.array([m.key not in PIXELS for m in table.measures]), rules=False
        ),
    ]


def compose(home: Path) -> None:
    """Clean rows in ``home/clean``."""
    toys = ("--concepts", 48, "--photos", 6, "--size", 256, "--seed", SEED, "--format", "quiet")
    if not (home / "toys").exists():
        mycanvas("toybox", "--out", home / "toys", *toys, timeout_s=LIMIT_S)
    settings = ("--set", "inpaint.backend=blend", "--set", "layout.backend=solver", "--max-failures", "100%")
    rows = ("--photos", home / "toys" / "photos", "--samples", round(SPARE * EACH), "--out", home / "clean")
    mycanvas("compose", "micro", *rows, *settings, "--format", "quiet", timeout_s=LIMIT_S)


def plant(home: Path) -> None:
    """Rows of every kind in ``home/planted``, one unit a kind, scored by the models of the recipe `micro`."""
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        tasks = [(str(home), kind, half) for kind in KINDS for half in (0, 1)]
        parts = pool.starmap(_planted, tasks)
    store = open_store(str(home / "planted"))
    columns = column_names(Composition, stored=True)
    for unit, kind in enumerate(KINDS):
        rows = [row for task, part in zip(tasks, parts, strict=True) if task[1] == kind for row in part]
        named = [
            replace(row, sample_id=sample_id(unit * 100_000 + int(row.sample_id)), unit_id=unit, status=ACCEPTED)
            for row in rows
        ]
        commit_unit(store, unit, to_table(Composition, named, columns), [], attempt=1, timings={})
    write_manifest(store)


def _planted(home: str, kind: str, half: int) -> list[Composition]:
    """Every second row, until there are enough."""
    studio = _studio(home)
    made: list[Composition] = []
    for row in studio.rows[half::2]:
        if len(made) == EACH // 2:
            break
        planted = KINDS[kind](row, studio.library, rng(int(row.seed), "plant", kind))
        if planted is not None:
            made.append(studio.score(planted))
    return made


@dataclass(frozen=True)
class Studio:
    """What draws and scores a row, as `compose micro` does."""

    rows: Sequence[Composition]
    library: Library
    sources: CanvasSources
    paint: Sequence[Worker]
    judges: Judges

    def score(self, planted: Planted) -> Composition:
        """The row as it is believed to be, with the picture as it was drawn, and its scores."""
        drawn = paste_row(Paste(), self.sources, replace(planted.believed, placements=planted.drawn))
        for work in self.paint:
            (drawn,) = work([drawn])
        row = replace(paste_row(Paste(), self.sources, planted.believed), image=drawn.image)
        stored = decode(row.image or b"")
        (verdict,) = verdicts(self.judges, [row], [stored])
        return score_row(row, stored, self.library, verdict, self.judges.models)


@cache
def _studio(home: str) -> Studio:
    clean = f"{home}/clean"
    found = open_library(f"{clean}/library")
    library = Library(found.store, dict(found.cutouts), found.addresses, PixelCache(limit_bytes=2 << 30))
    recipe = load("micro", ["inpaint.backend=blend"])
    score = next(stage for stage in recipe.stages if isinstance(stage, Score))
    desk = Run(out=clean, library=f"{clean}/library", size=recipe.size)
    known = CommittedRows(clean)
    rows = [
        row.of
        for unit in list_committed(open_store(clean)).ids().tolist()
        for row in known.unit(unit).rows
        if row.of is not None
    ]
    backgrounds = by_id(read_catalogue(open_store(clean)))
    paint = [stage.load(desk) for stage in recipe.stages if isinstance(stage, Inpaint | Restore)]
    return Studio(
        rows,
        library,
        CanvasSources(library.pixels, backgrounds, _no_photo, recipe.size),
        paint,
        judges_of(score, library, desk),
    )


def _no_photo(uri: str, ground_line: float) -> Pixels:
    raise AssertionError(f"{uri} at {ground_line}: all backgrounds are drawn")


@dataclass(frozen=True)
class Table:
    """N planted rows: their kinds and which row each was made from, N x K values, and which layouts obey the rules."""

    kinds: NDArray[np.int64]
    origin: NDArray[np.int64]
    values: Values
    measures: Sequence[Measure]
    valid: NDArray[np.bool_]


def read(planted: Path) -> Table:
    """The scores of what was planted."""
    names, _, measures, values = measure_rows(str(planted))
    numbers = np.array([int(name) for name in names])
    with open_scores(open_dataset(str(planted))) as scores:
        valid = (
            scores.ask("select layout_valid from scores order by sample_id").column(0).to_numpy(zero_copy_only=False)
        )
    return Table(numbers // 100_000, numbers % 100_000, values, measures, valid.astype(bool))


def curve(table: Table, used: NDArray[np.bool_], *, rules: bool) -> list[tuple[float, Mapping[str, float]]]:
    """For each budget: share of clean rows that are turned away, and of every kind of defect, on rows not fitted to."""
    measures = [measure for measure, flag in zip(table.measures, used, strict=True) if flag]
    values, good = table.values[:, used], table.kinds == 0
    fitted = table.origin % 2 == 0
    found = []
    for budget in BUDGETS:
        # What a rule turns away needs no threshold.
        asked = fitted & (table.valid | (not rules))
        thresholds = calibrate(values[asked], good[asked], measures, Goal(recall=1 - budget)).thresholds
        gone = ~passes(values, measures, thresholds) | (rules & ~table.valid)
        shares = {kind: float(gone[~fitted & (table.kinds == n)].mean()) for n, kind in enumerate(KINDS)}
        found.append((shares.pop(CLEAN), shares))
    return found


def _figure(name: str, table: Table, used: NDArray[np.bool_], *, rules: bool) -> Figure:
    points = curve(table, used, rules=rules)
    within = [point for point in points if point[0] <= REJECTED] or points[:1]
    rejected, shares = within[-1]
    recall = float(np.mean(list(shares.values())))
    kinds = ", ".join(f"{kind} {share:.3f}" for kind, share in shares.items())
    told = "; ".join(f"{away:.3f}: {np.mean(list(each.values())):.3f}" for away, each in points)
    return Figure(
        f"{name}, {EACH} of each kind",
        f">= {RECALL} at <= {REJECTED:.2f} of clean rows",
        f"{recall:.3f} at {rejected:.3f}",
        recall >= RECALL and rejected <= REJECTED,
        f"{kinds}; clean rows turned away: defects found {told}",
    )
