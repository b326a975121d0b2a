import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from safetensors.torch import load_file

from cluster.training import _named_problem, train
from engine.errors import EnvironmentProblem, UsageError
from engine.storage.folders import fetch_file
from engine.storage.open_store import open_store
from engine.training.checkpoints import Checkpoints
from engine.training.local import train_locally
from engine.training.reports import TrainingReport, read_reports
from engine.training.resources import TrainingResources
from tests.support.models.tiny_training import TinyPart, TinyTraining, storage_in
from tests.support.processes.s3_server import BUCKET, environment, s3_environment, s3_server
from tests.support.processes.training_driver import SPEC

pytestmark = pytest.mark.timeout(900)  # a training begins five processes, which all import Ray and some torch
ROOT = Path(__file__).parents[2]
ONE, TWO = TrainingResources(), TrainingResources(num_workers=2)


def weights(uri, scratch):
    fetch_file(open_store(f"{uri}/out"), "tiny/model.safetensors", scratch / "fetched")
    return load_file(scratch / "fetched")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The weights of a training without a cluster and without a kill."""
    folder = tmp_path_factory.mktemp("undisturbed")
    train_locally(TinyTraining(), storage_in(folder))
    return weights(folder, folder)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def reports(uri, spec):
    return read_reports(open_store(f"{uri}/work"), spec.run)


def checkpoints(uri, spec):
    return Checkpoints(open_store(f"{uri}/work"), spec.run)


@pytest.mark.slow  # two groups of workers: 90 s
@pytest.mark.usefixtures("ray_capacity")
def test_a_worker_that_is_killed_is_replaced_and_goes_on_from_its_checkpoint(tmp_path, undisturbed):
    said, spec = [], TinyTraining(kill_at=130)
    train(spec, storage_in(tmp_path), ONE, said.append)
    assert same(weights(tmp_path, tmp_path), undisturbed)
    assert said == reports(tmp_path, spec)
    steps = [report.step for report in said]
    again = next(number for number in range(1, len(steps)) if steps[number] <= steps[number - 1])
    assert steps[again] in {60, 80, 120}, "from step 50 or 100, not from the beginning"
    assert steps[-1] == 300
    seconds = [seconds for _, seconds in sorted({report.step: report.seconds for report in said}.items())]
    assert seconds == sorted(seconds), "what the kill undid does not count"


def start_driver(uri, said):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.processes.training_driver", str(uri)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=said,
    )


def kill_driver(uri):
    """Start a training in a process of its own, and kill that after step 150."""
    driver = start_driver(uri, subprocess.DEVNULL)
    until = time.monotonic() + 400
    while max(checkpoints(uri, SPEC).steps(), default=0) < 150 and time.monotonic() < until:
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()


def check_resumed(uri, before, said):
    """A driver has said `said` after another one was killed, which left the reports `before`."""
    stored = reports(uri, SPEC)
    assert stored[: len(before)] == before
    assert stored[-len(said) :] == said
    assert said[0].step >= 160, "from step 150 at least"
    assert said[0].seconds > max(report.seconds for report in stored if report.step == 150), "seconds go on too"
    assert {report.step for report in stored} == {*range(20, 301, 20), *range(50, 301, 50)}, "the curve is whole"


def test_a_driver_that_is_killed_is_resumed_by_the_same_call(tmp_path, undisturbed, request):
    kill_driver(tmp_path)
    before = reports(tmp_path, SPEC)
    assert before[-1].step < 300
    request.getfixturevalue("ray_capacity")
    said = []
    train(SPEC, storage_in(tmp_path), ONE, said.append)
    check_resumed(tmp_path, before, said)
    assert same(weights(tmp_path, tmp_path), undisturbed)


@pytest.mark.slow  # two trainings: 130 s
@pytest.mark.usefixtures("ray_capacity")
def test_two_workers_train_one_network_and_a_finished_training_is_not_repeated(tmp_path, undisturbed):
    train(TinyTraining(), storage_in(tmp_path), TWO, lambda _: None)
    first = weights(tmp_path, tmp_path)
    assert first.keys() == undisturbed.keys()
    assert not same(first, undisturbed), "two batches a step, not one"
    (row,) = TinyPart().evaluate(tmp_path / "out", tmp_path, seed=7)
    assert row.met
    said = []
    train(TinyTraining(), storage_in(tmp_path), TWO, said.append)
    assert said == []
    assert same(weights(tmp_path, tmp_path), first)
    assert sorted(path.name for path in (tmp_path / "work" / "runs").iterdir()) == [TinyTraining().run]


@pytest.mark.slow  # 70 s; what is made of an error is tested below without a cluster
@pytest.mark.usefixtures("ray_capacity")
def test_problems_of_a_training_come_back_by_name(tmp_path):
    with pytest.raises(UsageError, match="TRAINING_DIVERGED"):
        train(TinyTraining(poison=tuple(range(20))), storage_in(tmp_path), ONE, lambda _: None)


@pytest.mark.slow  # four trainings: 200 s
def test_an_object_store_is_all_that_a_training_needs(tmp_path, undisturbed):
    pytest.importorskip("moto")
    with s3_server() as address, environment(s3_environment(address)):
        uri = f"s3://{BUCKET}/training"
        storage_in(uri)
        kill_driver(uri)
        before = reports(uri, SPEC)
        with (tmp_path / "said").open("w") as said:
            assert start_driver(uri, said).wait() == 0
        assert same(weights(uri, tmp_path), undisturbed)
        lines = (tmp_path / "said").read_text().splitlines()
        check_resumed(uri, before, [TrainingReport.from_row(json.loads(line)) for line in lines])


def test_what_a_spec_raises_keeps_its_name_and_anything_else_gets_one():
    class WorkerGroupError(Exception):
        worker_failures: ClassVar = {1: UsageError("NAMED", "what")}

    assert _named_problem("tiny", WorkerGroupError()).code == "NAMED"
    assert _named_problem("tiny", UsageError("NAMED", "what")).code == "NAMED"
    problem = _named_problem("tiny", RuntimeError("Traceback:\n  a line\nValueError: bad\n"))
    assert (type(problem), problem.code, problem.why) == (EnvironmentProblem, "TRAINING_FAILED", "ValueError: bad")
