import pytest
from pydantic import ValidationError

from actors.compose.scene import Scene
from engine.errors import UsageError
from engine.rows.composition import Composition
from tests.support.data.libraries import CLASSES, run_with_library

ROWS = [Composition(sample_id=f"{number:010d}", unit_id=0, seed=number) for number in range(40)]


def test_a_row_gets_its_cast_and_its_background(tmp_path):
    made = Scene(max_objects=4).load(run_with_library(tmp_path))(ROWS)
    assert {row.num_objects for row in made} == {2, 3, 4}
    for row in made:
        assert row.num_objects == len(row.cast) == len(row.concepts)
        assert [key.split("-")[0] for key in row.cast] == list(row.concepts)
        assert set(row.concepts) <= set(CLASSES)
        assert (row.background_id, row.scene, row.background_prompt, row.ground_line) in {
            ("b", "beach", "on the beach", 0.45),
            ("t", "table", "on a wooden table", 0.5),
        }


def test_a_row_does_not_depend_on_its_batch(tmp_path):
    work = Scene().load(run_with_library(tmp_path))
    assert work(ROWS) == [work([row])[0] for row in ROWS]


def test_what_no_scene_can_be_made_of_is_refused_at_preparation(tmp_path):
    with pytest.raises(UsageError, match="TOO_FEW_CONCEPTS"):
        Scene().load(run_with_library(tmp_path / "a", {"rex": "dog"}))
    with pytest.raises(UsageError, match="NO_BACKGROUNDS"):
        Scene().load(run_with_library(tmp_path / "b", backgrounds=()))


def test_more_objects_at_least_than_at_most_are_refused():
    with pytest.raises(ValidationError, match="min_objects"):
        Scene(min_objects=4, max_objects=3)
