import json

import numpy as np
import pyarrow as pa
import pytest

from engine.errors import MyCanvasError
from engine.rows.composition import Composition, Placement
from engine.rows.schema import column_names
from engine.rows.values import Failure
from engine.run.unit import Unit, failed_row, from_block, to_block
from engine.seeds import sample_id

COLUMNS = column_names(Composition, stored=False)
FAILURE = Failure("paste", "IMAGE_EMPTY", "the file holds no bytes")
PLACED = Placement(cutout_id="c", box=(0.0, 0.25, 0.5, 1.0), flip=True, order=0, support="ground", relative_size=0.5)


def row(number, unit_id=3, **changes):
    return Composition(sample_id=sample_id(number), unit_id=unit_id, seed=2**62 + number, **changes)


def unit(*rows, failures=None):
    return Unit(3, rows, failures or (None,) * len(rows), {"scene": 0.5})


def test_a_unit_crosses_processes_unchanged():
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    first = row(
        0, concepts=("a", "b"), placements=(PLACED,), background=pixels, layers=(pixels[..., 0],), ground_line=0.1 + 0.2
    )
    sent = unit(first, row(1), failures=(None, FAILURE))
    got = from_block(to_block(sent, Composition, COLUMNS, 2), Composition, COLUMNS)
    assert (got.unit_id, got.failures, got.timings) == (3, (None, FAILURE), {"scene": 0.5})
    assert got.rows[0].placements == (PLACED,)
    assert got.rows[0].ground_line == 0.1 + 0.2, "no digit is lost on the way"
    assert np.array_equal(got.rows[0].background, pixels)
    assert np.array_equal(got.rows[0].layers[0], pixels[..., 0])
    assert not got.rows[0].background.flags.writeable
    assert got.rows[1] == row(1)


def test_a_short_unit_is_filled_up_and_comes_back_short():
    block = to_block(unit(row(0), row(1), row(2)), Composition, COLUMNS, 8)
    assert block.num_rows == 8, "every block on the cluster has the same number of rows"
    assert block.column("sample_id").to_pylist().count("") == 5
    assert set(block.column("unit_id").to_pylist()) == {3}
    assert [got.sample_id for got in from_block(block, Composition, COLUMNS).rows] == [sample_id(n) for n in range(3)]


def test_only_the_columns_that_are_needed_later_travel():
    columns = ("sample_id", "unit_id", "seed", "caption")
    block = to_block(unit(row(0, caption="a cat", scene="park")), Composition, columns, 1)
    assert set(block.column_names) == {*columns, "failure", "timings"}
    (got,) = from_block(block, Composition, columns).rows
    assert (got.caption, got.scene) == ("a cat", "")


def test_a_block_that_holds_two_units_is_refused():
    blocks = [to_block(Unit(n, (row(n, unit_id=n),), (None,), {}), Composition, COLUMNS, 1) for n in range(2)]
    with pytest.raises(MyCanvasError) as caught:
        from_block(pa.concat_tables(blocks), Composition, COLUMNS)
    assert (caught.value.code, caught.value.exit_code) == ("UNITS_MIXED", 1)
    assert "[0, 1]" in caught.value.what


def test_answers_replace_rows_failures_stay_with_them_and_seconds_add_up():
    before = unit(row(0), row(1), row(2))
    after = before.with_answers([0, 2], [row(0, caption="done"), FAILURE], "caption", 1.0)
    assert (after.rows[0].caption, after.rows[1], after.rows[2]) == ("done", row(1), row(2))
    assert after.failures == (None, None, FAILURE)
    assert after.alive() == [0, 1]
    assert after.with_answers([1], [row(1)], "caption", 0.25).timings == {"scene": 0.5, "caption": 1.25}
    assert before.failures == (None, None, None), "units are values"


def test_of_a_failed_row_everything_is_kept_that_is_known_but_pixels():
    pixels = np.zeros((4, 4, 3), np.uint8)
    failed = failed_row(
        row(7, concepts=("a", "b"), placements=(PLACED,), background=pixels, layers=(pixels,), image=b"jpeg"), FAILURE
    )
    assert (failed.sample_id, failed.unit_id, failed.seed) == (sample_id(7), 3, 2**62 + 7)
    assert (failed.stage, failed.code, failed.message) == ("paste", "IMAGE_EMPTY", "the file holds no bytes")
    inputs = json.loads(failed.inputs)
    assert set(inputs) == {"concepts", "placements"}
    assert inputs["placements"][0]["cutout_id"] == "c"


def test_a_row_that_failed_before_anything_was_known_has_no_inputs():
    assert failed_row(row(0), FAILURE).inputs == "{}"


@pytest.mark.parametrize(
    "text", ["\x00", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "\u2028\r"]
)
def test_any_text_crosses_processes(text):
    sent = unit(row(0, caption=text), failures=(Failure("s", "C", text),))
    got = from_block(to_block(sent, Composition, COLUMNS, 1), Composition, COLUMNS)
    assert (got.rows[0].caption, got.failures[0].message) == (text, text)
