"""What a new score takes: a function and a row, both in `tests.support.data.sharpness`; the rest follows."""

from dataclasses import fields, replace

import numpy as np
import pytest
from pydantic import ValidationError

from actors.compose.score import score_row
from actors.score.paper_metrics import metric_functions, metric_judge
from actors.score.rescore import Rescore
from actors.score.scorers import Loaded, judges_of, verdicts
from engine.dataset.export.rows import facts
from engine.metrics.table import METRICS, table_of
from engine.photos.images import decode, encode_jpeg
from engine.photos.library import Library
from engine.rows.schema import column_names, to_table
from engine.run.stage import Run
from engine.storage.commits import commit_unit
from engine.storage.open_store import open_store
from jobs.curate.filter import choose
from jobs.report.gallery_scores import gallery_scores
from jobs.report.gallery_tiles import composition_tile
from jobs.report.stats import stats
from planners.curate.calibrate import Measure, measures_of
from planners.curate.gate import judge, judged_columns, thresholds_of
from planners.curate.selection import Wanted
from tests.support.data.sharpness import BrightScores, SharpComposition

TABLE = table_of(SharpComposition)
ROWS = 6


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return Library(open_store(str(tmp_path_factory.mktemp("library"))), {}, {})


@pytest.fixture(scope="module")
def rows(library):
    """Rows whose pictures are the noisier the higher their number, as the stage `score` gives them without a model."""
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 8 * number + 2, (32, 32, 3)).astype(np.uint8) for number in range(ROWS)]
    plain = [
        SharpComposition(
            sample_id=f"{number:010d}", unit_id=0, seed=number, image=encode_jpeg(pixels), status="accepted"
        )
        for number, pixels in enumerate(pictures)
    ]
    judges = judges_of(Rescore(), library, Run(out="", library="", size=32))
    stored = [decode(row.image) for row in plain]
    said = verdicts(judges, plain, stored)
    return [
        score_row(row, *each, judges.models) for row, *each in zip(plain, stored, [library] * ROWS, said, strict=True)
    ]


@pytest.fixture(scope="module")
def dataset(rows, tmp_path_factory):
    uri = str(tmp_path_factory.mktemp("sharp"))
    table = to_table(SharpComposition, rows, column_names(SharpComposition, stored=True))
    commit_unit(open_store(uri), 0, table, [], attempt=1, timings={})
    return uri


def test_the_stage_fills_the_column_by_the_function_that_the_row_names(rows):
    values = [row.sharpness for row in rows]
    assert values == sorted(values)
    assert values[0] < 5 < values[-1]


def test_a_score_on_request_is_computed_by_the_function_that_its_row_names(rows, library):
    functions = metric_functions(BrightScores)
    measure = metric_judge(Loaded(None, None, None), library, 4, {"brightness": functions.resolve("brightness")})
    columns = measure(rows, [decode(row.image) for row in rows], [])
    assert [list(each) for each in columns] == [["brightness"]] * ROWS
    assert columns[0]["brightness"] < columns[-1]["brightness"]
    assert table_of(BrightScores)["brightness"].high == 255
    assert [each.name for each in fields(BrightScores)][-1] == "brightness"


def test_statistics_have_it(rows, dataset):
    told = stats(dataset, TABLE)["scores"]["sharpness"]
    assert (told["count"], told["least"], told["largest"]) == (ROWS, rows[0].sharpness, rows[-1].sharpness)
    assert "sharpness" not in stats(dataset, METRICS)["scores"]


def test_rows_are_chosen_by_it(rows, dataset):
    middle = rows[2].sharpness
    chosen = choose(dataset, Wanted(where=f"sharpness > {middle}", by="sharpness", top="2"), explain=False)
    assert chosen.rows.column("sample_id").to_pylist() == [row.sample_id for row in rows[-2:]]


def test_the_gate_has_a_limit_for_it(rows):
    limits = thresholds_of(TABLE)
    assert limits.model_fields["min_sharpness"].default == 5.0
    assert "sharpness" in judged_columns(SharpComposition)
    assert judge(rows[0], limits()) == ("sharpness<5",)
    assert judge(rows[-1], limits()) == ()
    assert judge(rows[0], limits(min_sharpness=None)) == ()
    assert judge(replace(rows[0], sharpness=None), limits()) == ()
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        limits(min_sharpness=-1)


def test_thresholds_are_fitted_to_it():
    assert Measure("min_sharpness", "sharpness", blank=True) in measures_of(TABLE)


def test_the_gallery_sorts_by_it(rows):
    shown = next(score for score in gallery_scores(TABLE) if score.key == "sharpness")
    assert (shown.label, shown.short, shown.digits, shown.unit) == ("sharpness of the picture", "sharp", 1, "")
    card = composition_tile(rows[-1], 320, None)
    assert card.scores["sharpness"] == round(rows[-1].sharpness, 6)


def test_exported_rows_say_it(rows):
    assert facts(rows[-1])["scores"]["sharpness"] == rows[-1].sharpness
