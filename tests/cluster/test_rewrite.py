import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
import ray

from cluster.rewrite import KEEPING, rewrite
from engine.errors import Damaged
from engine.run.recipe import Pool
from engine.seeds import sample_id
from engine.storage.commits import list_committed
from engine.storage.open_store import open_store
from tests.support.data.units import commit

UNITS, UNIT_SIZE = 5, 3


@dataclass(frozen=True)
class Copying:
    """Commits units of numbered rows, and leaves a mark for every one that it was asked for."""

    out: str
    damaged: int = -1

    def __call__(self, unit_id):
        if unit_id == self.damaged:
            raise Damaged("SHARD_DAMAGED", "not what was written", where="data/part-1.parquet", why="why", fix="fix")
        Path(self.out, f"asked-{unit_id}-{uuid4().hex}").write_text(
            " ".join(os.environ.get(name, "") for name in KEEPING)
        )
        receipt, _ = commit(open_store(self.out), unit_id, unit_id * UNIT_SIZE, (unit_id + 1) * UNIT_SIZE, 10)
        return receipt


def copy(make, replicas=1):
    """The receipts of what is missing."""
    done = list_committed(open_store(make.out), UNITS)
    return list(rewrite(make, [Pool(stages=("copy", "commit"), cpus=0.5)], [replicas], done))


def asked(folder):
    return sorted(int(path.name.split("-")[1]) for path in folder.glob("asked-*"))


def test_where_nothing_is_missing_nobody_is_asked_and_no_cluster_is_needed(tmp_path):
    for unit_id in range(UNITS):
        commit(open_store(str(tmp_path)), unit_id, unit_id * UNIT_SIZE, (unit_id + 1) * UNIT_SIZE, 10)
    assert copy(Copying(str(tmp_path))) == []
    assert asked(tmp_path) == []
    assert not ray.is_initialized(), "the first of this module"


@pytest.mark.usefixtures("ray_capacity")
def test_every_unit_is_made_once_and_has_a_receipt(tmp_path):
    receipts = copy(Copying(str(tmp_path)), replicas=2)
    assert sorted(receipt.unit_id for receipt in receipts) == asked(tmp_path) == list(range(UNITS))
    assert sum(receipt.rows for receipt in receipts) == UNITS * UNIT_SIZE
    rows = [row for path in sorted((tmp_path / "data").iterdir()) for row in pq.read_table(path).to_pylist()]
    failed = [row for path in sorted((tmp_path / "failures").iterdir()) for row in pq.read_table(path).to_pylist()]
    assert sorted(row["sample_id"] for row in rows + failed) == [sample_id(n) for n in range(UNITS * UNIT_SIZE)]
    settings = {path.read_text() for path in tmp_path.glob("asked-*")}
    assert settings == {" ".join(KEEPING.values())}, "workers keep the memory that they have"


@pytest.mark.usefixtures("ray_capacity")
def test_what_is_there_is_not_made_again(tmp_path):
    for unit_id in (0, 3):
        commit(open_store(str(tmp_path)), unit_id, unit_id * UNIT_SIZE, (unit_id + 1) * UNIT_SIZE, 10)
    assert sorted(receipt.unit_id for receipt in copy(Copying(str(tmp_path)))) == [1, 2, 4]
    assert asked(tmp_path) == [1, 2, 4]


@pytest.mark.usefixtures("ray_capacity")
def test_a_problem_of_a_worker_ends_the_run_as_it_was_raised_and_what_was_made_stays(tmp_path):
    with pytest.raises(Damaged) as caught:
        copy(Copying(str(tmp_path), damaged=2))
    problem = caught.value
    assert (problem.code, problem.what) == ("SHARD_DAMAGED", "not what was written")
    assert (problem.where, problem.why, problem.fix) == ("data/part-1.parquet", "why", "fix")
    before = set(asked(tmp_path))
    assert 2 not in before
    receipts = copy(Copying(str(tmp_path)))
    assert {receipt.unit_id for receipt in receipts} == set(range(UNITS)) - before
    assert sorted(asked(tmp_path)) == list(range(UNITS))
