import json
from dataclasses import replace
from typing import ClassVar, final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import EnvironmentProblem, MyCanvasError, UsageError
from engine.rows.composition import Composition
from engine.run.group import Group
from engine.run.pipeline import Pipeline
from engine.run.stage import Run, Stage
from engine.seeds import sample_id, sample_seed
from engine.storage.commits import data_files, read_receipt
from engine.storage.open_store import open_store
from tests.support.models.standins import Draw, Finish, Nap, Numbers, Trap
from tests.support.processes.inline import files, through

SAMPLES, UNIT = 11, 4
UNITS = range(3)
WHOLE = ((Draw(), Nap(), Finish()),)
APART = ((Draw(),), (Nap(),), (Finish(),))
COMMIT_APART = ((Draw(), Nap()), (Finish(),), ())


def pipeline(out, groups=WHOLE, run_id="run"):
    made = Pipeline(
        record=Composition,
        run=Run(out=str(out), library="", size=64),
        run_id=run_id,
        source=Numbers(SAMPLES, UNIT),
        groups=groups,
        unit_size=UNIT,
    )
    made.check()
    return made


def trapped(**traps):
    return ((Draw(), Trap(batch_size=3, **traps), Finish()),)


@final
class Unloadable(Stage):
    """A stage whose library has something to say."""

    name: ClassVar[str] = "unloadable"
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()

    def load(self, run):
        raise OSError("no preprocessor_config.json in there\nand a long story")


def test_what_a_library_says_while_it_loads_gets_the_name_of_its_stage(tmp_path):
    with pytest.raises(EnvironmentProblem) as caught:
        Group(pipeline(tmp_path, ((Unloadable(),),)), 0)
    assert caught.value.code == "STAGE_UNLOADABLE"
    assert "'unloadable'" in str(caught.value)
    assert caught.value.why == "OSError: no preprocessor_config.json in there"


def failures(out):
    return [row for path in sorted(out.glob("failures/*.parquet")) for row in pq.read_table(path).to_pylist()]


def stored(out):
    return [row for path in sorted(out.glob("data/*.parquet")) for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize("groups", [APART, COMMIT_APART], ids=["three groups", "commit on its own"])
def test_the_grouping_changes_no_byte_of_the_data(tmp_path, groups):
    one = through(pipeline(tmp_path / "one"), UNITS)
    other = through(pipeline(tmp_path / "other", groups), UNITS)
    assert files(tmp_path / "one") == files(tmp_path / "other")
    assert [receipt.blake2b for receipt in one] == [receipt.blake2b for receipt in other]
    assert len(files(tmp_path / "one")) == 3


def test_neither_batches_nor_the_order_of_units_change_a_byte(tmp_path):
    through(pipeline(tmp_path / "one"), UNITS)
    small = ((Draw(batch_size=1), Nap(batch_size=2), Finish(batch_size=64)),)
    through(pipeline(tmp_path / "other", small), reversed(UNITS))
    assert files(tmp_path / "one") == files(tmp_path / "other")


def test_every_row_is_counted_once_and_short_units_stay_short(tmp_path):
    receipts = through(pipeline(tmp_path, APART), UNITS)
    assert [(receipt.rows, receipt.accepted) for receipt in receipts] == [(4, 4), (4, 4), (3, 3)]
    rows = stored(tmp_path)
    assert [row["sample_id"] for row in rows] == [sample_id(number) for number in range(SAMPLES)]
    assert [row["seed"] for row in rows] == [sample_seed(0, sample_id(number)) for number in range(SAMPLES)]
    assert [row["unit_id"] for row in rows] == [number // UNIT for number in range(SAMPLES)]


def test_blocks_between_groups_have_the_rows_of_a_full_unit(tmp_path):
    made = pipeline(tmp_path, APART)
    for unit_id in UNITS:
        block = Group(made, 0)(pa.table({"unit_id": [unit_id]}))
        assert block.num_rows == UNIT
        assert "background" in block.column_names


def test_what_no_later_group_reads_does_not_travel(tmp_path):
    made = pipeline(tmp_path, APART)
    block = Group(made, 1)(Group(made, 0)(pa.table({"unit_id": [0]})))
    assert "painted" in block.column_names
    assert "background" not in block.column_names


@pytest.mark.parametrize("apart", [False, True], ids=["one group", "three groups"])
def test_failed_rows_are_kept_with_stage_code_seed_and_inputs_and_cost_nobody_else(tmp_path, apart):
    (stages,) = trapped(raises=(sample_id(1),), refuses=(sample_id(6), sample_id(10)))
    groups = tuple((stage,) for stage in stages) if apart else (stages,)
    receipts = through(pipeline(tmp_path, groups), UNITS)
    assert [(r.rows, r.accepted, r.rejected, r.failed) for r in receipts] == [(4, 3, 0, 1), (4, 3, 0, 1), (3, 2, 0, 1)]
    for receipt in receipts:
        assert receipt.rows == receipt.accepted + receipt.rejected + receipt.failed
    found = failures(tmp_path)
    assert [(row["sample_id"], row["stage"], row["code"]) for row in found] == [
        (sample_id(1), "trap", "STAGE_RAISED"),
        (sample_id(6), "trap", "REFUSED"),
        (sample_id(10), "trap", "REFUSED"),
    ]
    assert [row["seed"] for row in found] == [sample_seed(0, row["sample_id"]) for row in found]
    assert "ValueError" in found[0]["message"]
    assert "standins.py" in found[0]["message"], "where it was raised"
    assert all(json.loads(row["inputs"]) == {} for row in found), "only pixels were known"
    assert {row["sample_id"] for row in stored(tmp_path)} | {row["sample_id"] for row in found} == {
        sample_id(number) for number in range(SAMPLES)
    }


def test_a_reason_that_no_shard_could_hold_costs_only_its_row_and_is_the_same_in_every_run(tmp_path):
    @final
    class Odd(Stage):
        name: ClassVar[str] = "odd"
        reads: ClassVar[tuple[str, ...]] = ("background",)
        writes: ClassVar[tuple[str, ...]] = ("painted",)

        def load(self, run):
            return lambda rows: [self.work(row) for row in rows]

        def work(self, row):
            if row.sample_id == sample_id(1):
                raise ValueError(f"caf\udce9.jpg of {object()}")  # a name that is not UTF-8, and an address in memory
            return replace(row, painted=row.background)

    for name in ("one", "two"):
        (receipt,) = through(pipeline(tmp_path / name, ((Draw(), Odd(), Finish()),)), [0])
        assert (receipt.accepted, receipt.failed) == (3, 1)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    (row,) = failures(tmp_path / "one")
    assert (row["code"], "ValueError: caf" in row["message"]) == ("STAGE_RAISED", True)


def test_the_grouping_changes_no_byte_of_failures_either(tmp_path):
    (stages,) = trapped(refuses=(sample_id(5),))
    through(pipeline(tmp_path / "one", (stages,)), UNITS)
    through(pipeline(tmp_path / "three", tuple((stage,) for stage in stages)), UNITS)
    for pattern in ("data/*.parquet", "failures/*.parquet"):
        assert files(tmp_path / "one", pattern) == files(tmp_path / "three", pattern)


def test_a_unit_of_which_no_row_could_be_made_is_committed_all_the_same(tmp_path):
    everything = tuple(sample_id(number) for number in range(SAMPLES))
    receipts = through(pipeline(tmp_path, trapped(refuses=everything)), UNITS)
    assert [(receipt.rows, receipt.failed) for receipt in receipts] == [(4, 4), (4, 4), (3, 3)]
    assert len(data_files(open_store(str(tmp_path)))) == 3
    assert len(failures(tmp_path)) == SAMPLES


def test_a_committed_unit_is_not_made_again(tmp_path):
    first = through(pipeline(tmp_path), UNITS)
    before = files(tmp_path, "**/*.*")
    second = through(pipeline(tmp_path, trapped(raises=(sample_id(0),)), run_id="later"), UNITS)
    assert second == first, "the later run is told what the first one committed"
    assert files(tmp_path, "**/*.*") == before


def test_seconds_by_stage_are_in_the_receipt_and_nowhere_in_the_data(tmp_path):
    slow = (Draw(), Nap(sleep_s=0.01), Finish())
    first, one = through(pipeline(tmp_path / "one", (slow,)), [0, 1])
    _, three = through(pipeline(tmp_path / "three", tuple((stage,) for stage in slow)), [0, 1])
    assert set(first.timings) == {"warm_up"}, "what a process does first is no measure of its work"
    assert first.timings["warm_up"] >= 0.04
    for receipt in (one, three):
        assert set(receipt.timings) == {"draw", "nap", "finish"}
        assert receipt.timings["nap"] >= 0.04
    assert read_receipt(open_store(str(tmp_path / "three")), 1) == three
    assert files(tmp_path / "one") == files(tmp_path / "three")


def test_a_group_that_came_through_leaves_no_note(tmp_path):
    through(pipeline(tmp_path, APART), UNITS)
    assert not files(tmp_path, "_journal/*")
    assert not files(tmp_path, "_tmp/*")


def test_rows_of_two_units_in_one_block_are_refused(tmp_path):
    made = pipeline(tmp_path, APART)
    blocks = [Group(made, 0)(pa.table({"unit_id": [unit_id]})) for unit_id in (0, 1)]
    with pytest.raises(MyCanvasError, match="UNITS_MIXED"):
        Group(made, 1)(pa.concat_tables(blocks))
    assert not files(tmp_path)


def test_a_stage_that_loses_rows_stops_the_run_instead_of_committing(tmp_path):
    @final
    class Lossy(Stage):
        name: ClassVar[str] = "lossy"
        reads: ClassVar[tuple[str, ...]] = ("background",)
        writes: ClassVar[tuple[str, ...]] = ("painted",)

        def load(self, run):
            return lambda rows: [replace(row, painted=row.background) for row in rows[1:]]

    with pytest.raises(MyCanvasError, match="STAGE_MISCOUNTED"):
        through(pipeline(tmp_path, ((Draw(), Lossy(), Finish()),)), [0])
    assert not files(tmp_path)


def test_stages_that_do_not_fit_together_are_refused_before_anything_starts(tmp_path):
    with pytest.raises(UsageError, match="PIPELINE_ORDER"):
        pipeline(tmp_path, ((Nap(), Draw(), Finish()),))
    with pytest.raises(UsageError, match="PIPELINE_TWICE"):
        pipeline(tmp_path, ((Draw(), Draw(), Nap(), Finish()),))
