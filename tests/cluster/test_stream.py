import json
from hashlib import blake2b

import pyarrow.parquet as pq
import pytest
from ray.data import DataContext

from cluster.stream import stream
from engine.errors import EnvironmentProblem
from engine.rows.composition import Composition
from engine.run.pipeline import Pipeline
from engine.run.pool import Pool
from engine.run.stage import Run
from engine.seeds import sample_id
from engine.storage.commits import list_committed
from engine.storage.open_store import open_store
from tests.support.models.standins import Broken, Draw, Finish, Nap, Numbers, Trap

pytestmark = pytest.mark.usefixtures("ray_capacity")
UNIT = 8


def pipeline(out, groups, samples):
    run = Run(out=str(out), library="", size=64)
    made = Pipeline(
        record=Composition, run=run, run_id="run", source=Numbers(samples, UNIT), groups=groups, unit_size=UNIT
    )
    made.check()
    return made


def run(out, groups, pools, replicas, samples=20):
    units = Numbers(samples, UNIT).units
    done = list_committed(open_store(str(out)), units)
    return list(stream(pipeline(out, groups, samples), pools, replicas, done))


def pool(*stages, cpus=0.5, gpus=0.0):
    return Pool(stages=stages, cpus=cpus, gpus=gpus)


def rows(out):
    return [row for path in sorted(out.glob("data/*.parquet")) for row in pq.read_table(path).to_pylist()]


def digests(out):
    return {path.name: blake2b(path.read_bytes()).hexdigest() for path in out.glob("data/*.parquet")}


def test_the_grouping_changes_nothing_but_where_things_run(tmp_path):
    one, three = tmp_path / "one", tmp_path / "three"
    run(one, ((Draw(), Nap(), Finish()),), [pool("draw", "nap", "finish", "commit")], [2])
    apart = [pool("draw"), pool("nap", gpus=0.5), pool("finish"), pool("commit")]
    receipts = run(three, ((Draw(),), (Nap(),), (Finish(),), ()), apart, [1, 2, 1, 1])
    assert digests(one) == digests(three)
    assert sorted(receipt.rows for receipt in receipts) == [4, 8, 8]
    assert {stage for receipt in receipts for stage in receipt.timings} == {"draw", "nap", "finish", "warm_up"}


def gpus_of(out, gpus, replicas):
    """The GPUs that the processes of a pool were given."""
    out.mkdir()
    groups, own = ((Draw(), Nap(), Finish(tell=True)),), pool("draw", "nap", "finish", "commit", cpus=0.2, gpus=gpus)
    run(out, groups, [own], [replicas], samples=UNIT * replicas)
    return sorted(path.read_text() for path in out.glob("process-*"))


def test_models_are_pinned_and_share_gpus_by_fractions(tmp_path, monkeypatch):
    monkeypatch.setattr(DataContext.get_current(), "wait_for_min_actors_s", 200)  # see every process, not the first
    halves = gpus_of(tmp_path / "halves", 0.5, 4)
    assert len(halves) == 4
    assert len(set(halves)) == 2, "two processes on each of two GPUs"
    whole = gpus_of(tmp_path / "whole", 1, 3)
    assert len(whole) == len(set(whole)) == 3, "a GPU for each process"


def test_rows_that_raise_kill_or_hang_cost_only_themselves_and_are_named(tmp_path):
    planted = {
        sample_id(3): "STAGE_RAISED",
        sample_id(5): "REFUSED",
        sample_id(9): "ROW_KILLED",
        sample_id(18): "ROW_TIMEOUT",
    }
    raises, refuses, kills, hangs = ((name,) for name in planted)
    trap = Trap(raises=raises, refuses=refuses, kills=kills, hangs=hangs, timeout_s=2, batch_size=4)
    groups = ((Draw(),), (trap, Finish()))
    run(tmp_path, groups, [pool("draw"), pool("trap", "finish", "commit")], [1, 2])
    failed = [row for path in tmp_path.glob("failures/*.parquet") for row in pq.read_table(path).to_pylist()]
    assert {row["sample_id"]: row["code"] for row in failed} == planted
    assert all(row["stage"] == "trap" and row["seed"] and json.loads(row["inputs"]) == {} for row in failed)
    assert sorted(row["sample_id"] for row in rows(tmp_path)) == [
        sample_id(index) for index in range(20) if sample_id(index) not in planted
    ]
    assert not list(tmp_path.glob("_journal/*"))


def test_running_again_makes_only_what_is_missing(tmp_path):
    groups, pools = ((Draw(), Nap(), Finish()),), [pool("draw", "nap", "finish", "commit")]
    run(tmp_path, groups, pools, [1])
    before = digests(tmp_path)
    assert run(tmp_path, groups, pools, [1]) == []
    (tmp_path / "data" / "part-00000001.parquet").unlink()
    assert [receipt.unit_id for receipt in run(tmp_path, groups, pools, [1])] == [1]
    assert digests(tmp_path) == before


def test_a_problem_of_the_machine_stops_the_run_by_name(tmp_path):
    with pytest.raises(EnvironmentProblem, match="NO_WEIGHTS"):
        run(tmp_path, ((Draw(), Broken(), Finish()),), [pool("draw", "broken", "finish", "commit")], [1])
