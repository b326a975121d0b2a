from dataclasses import replace

import pytest

from actors.layout import Layout
from engine.errors import SampleError
from engine.records import Composition
from tests.actors.libraries import run_with_library

ROW = Composition(sample_id="0", unit_id=0, seed=7, cast=("rex-0", "pot-1"), concepts=("rex", "pot"), ground_line=0.45)


def test_every_cutout_of_the_cast_is_placed_far_to_near(tmp_path):
    (row,) = Layout().load(run_with_library(tmp_path))([ROW])
    assert sorted(item.cutout_id for item in row.placements) == ["pot-1", "rex-0"]
    assert [item.order for item in row.placements] == [0, 1]
    assert row.layout_source == "solver"


def test_a_row_that_cannot_be_laid_out_costs_only_itself(tmp_path):
    work = Layout().load(run_with_library(tmp_path))
    good, bad, other = work([ROW, replace(ROW, ground_line=0.99), replace(ROW, seed=8)])
    assert isinstance(bad, SampleError)
    assert bad.code == "LAYOUT_UNSOLVED"
    assert good == work([ROW])[0]
    assert other.placements != good.placements


def test_an_unknown_planner_is_refused_before_anything_is_loaded():
    with pytest.raises(ValueError, match="no layout planner is called 'solvr'; there are: solver"):
        Layout(planner="solvr")
