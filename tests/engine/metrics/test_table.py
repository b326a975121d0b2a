from importlib import import_module

import pyarrow as pa
import pytest

from engine.metrics.table import METRICS, table_of
from engine.rows.added_scores import AddedScores
from engine.rows.composition import Composition, PlacedObject
from engine.rows.cutout import Cutout
from engine.rows.metric import metric_fields
from engine.rows.schema import arrow_schema, column_names
from engine.rows.scores import EXAMPLE
from tests.support.data.gallery_rows import composition, placed

NO_SCORES = {"ground_line", "relative_size"}  # numbers of the layout: neither is measured


@pytest.mark.parametrize("record", [Composition, PlacedObject, AddedScores, Cutout])
def test_every_number_of_a_record_that_is_measured_has_a_row(record):
    columns = column_names(record, stored=True)
    doubles = {field.name for field in arrow_schema(record, columns) if pa.types.is_floating(field.type)}
    assert doubles - NO_SCORES <= set(metric_fields(record))


@pytest.mark.parametrize("name", METRICS)
def test_a_row_says_what_people_and_programs_need(name):
    spec = METRICS[name]
    assert spec.label
    assert spec.about
    assert not spec.about.endswith(".")
    assert spec.low is None or spec.high is None or spec.low < spec.high
    assert spec.limit is None or spec.higher_is_better is not None, "a limit needs a direction"
    assert "gallery" not in spec.views or spec.short or spec.request or name == "aesthetic"
    module, _, attribute = spec.function.partition(":")
    assert callable(getattr(import_module(module), attribute))


def test_ranks_and_limits_are_those_of_one_score_alone():
    ranks = [spec.rank for spec in METRICS.values()]
    assert ranks == sorted(set(ranks))
    keys = [spec.limit_key for spec in METRICS.values() if spec.limit]
    assert len(keys) == len(set(keys))


def test_a_score_that_both_records_have_is_declared_once():
    both = metric_fields(Composition).keys() & metric_fields(AddedScores).keys()
    assert {"clip_score", "surplus", "harm"} <= both
    assert all(metric_fields(Composition)[name] == metric_fields(AddedScores)[name] for name in both)


def test_a_list_of_added_scores_is_the_score_of_the_objects():
    of_objects, lists = metric_fields(PlacedObject), metric_fields(AddedScores)
    for name, column in (("identities", "identity"), ("copy_pastes", "copy_paste"), ("detections", "detection")):
        assert (lists[name].column, lists[name].many, lists[name].per_object) == (column, True, True)
        assert lists[name].limit == of_objects[column].limit


def test_the_values_of_a_row_are_its_own_or_those_of_its_objects():
    row = composition(0)
    table = table_of(Composition)
    assert table["seam"].values(row) == [0.5]
    assert table["clip_score"].values(row) == []
    assert table["visible_fraction"].values(row) == [1.0, 0.9]
    assert table["visible_fraction"].worst([1.0, 0.9]) == 0.9
    assert table["cut_edge"].worst([0.1, 0.9]) == 0.9
    assert table["seam"].worst([]) is None
    assert metric_fields(PlacedObject)["identity_psnr"].values(placed(0, "dog", None)) == []


def test_a_score_is_named_as_filter_and_gate_name_it():
    said = {name: (METRICS[name].expression, METRICS[name].limit_key) for name in ("seam", "identity", "cut_edge")}
    assert said == {
        "seam": ("seam", "max_seam"),
        "identity": ("min(objects.identity)", "min_identity"),
        "cut_edge": ("max(objects.cut_edge)", "max_cut_edge"),
    }


def test_the_score_of_examples_exists_and_can_be_a_limit():
    assert METRICS[EXAMPLE].limit is not None
