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

from cluster.training import _named_problem, read_log, run_name, train
from engine.errors import EnvironmentProblem, UsageError
from engine.training.course import LocalDesk
from tests.support.tiny_course import Tiny
from tests.support.training_driver import COURSE, place

pytestmark = pytest.mark.timeout(900)  # a training begins five processes, which all import Ray and some torch
ROOT = Path(__file__).parents[2]


def weights(folder):
    return load_file(folder / "out" / "tiny" / "model.safetensors")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The weights of a training without a cluster and without a kill."""
    folder = tmp_path_factory.mktemp("undisturbed")
    Tiny().train(LocalDesk(data=folder, out=folder / "out", work=folder / "work"))
    return weights(folder)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def steps(folder):
    return [line["step"] for line in read_log(place(folder).log("tiny"))]


@pytest.mark.usefixtures("ray_capacity")
def test_a_worker_that_is_killed_is_replaced_and_goes_on_from_its_checkpoint(tmp_path, undisturbed):
    said = []
    train(Tiny(kill_at=130), place(tmp_path), said.append)
    assert same(weights(tmp_path), undisturbed)
    assert [line["step"] for line in said] == steps(tmp_path)
    again = next(number for number, step in enumerate(steps(tmp_path)) if step < 140 and number > 6)
    assert steps(tmp_path)[again] in {60, 80, 120}, "from step 50 or 100, not from the beginning"
    assert steps(tmp_path)[-1] == 300
    seconds = [line["seconds"] for line in said]
    assert seconds == sorted(seconds)


def test_a_driver_that_is_killed_is_resumed_by_the_same_call(tmp_path, undisturbed, request):
    driver = subprocess.Popen(
        [sys.executable, "-m", "tests.support.training_driver", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    until = time.monotonic() + 400
    while max(steps(tmp_path), default=0) < 160 and time.monotonic() < until:
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    before = len(steps(tmp_path))
    assert 160 <= max(steps(tmp_path)) < 300
    request.getfixturevalue("ray_capacity")
    train(COURSE, place(tmp_path), lambda _: None)
    assert steps(tmp_path)[before] > 60
    assert same(weights(tmp_path), undisturbed)


@pytest.mark.usefixtures("ray_capacity")
def test_two_workers_train_one_network_and_a_finished_training_is_not_repeated(tmp_path, undisturbed):
    train(Tiny(), place(tmp_path, workers=2), lambda _: None)
    first = weights(tmp_path)
    assert first.keys() == undisturbed.keys()
    assert not same(first, undisturbed), "two batches a step, not one"
    (row,) = Tiny().evaluate(tmp_path / "out", tmp_path, seed=7)
    assert row.met
    said = []
    train(Tiny(), place(tmp_path, workers=2), said.append)
    assert said == []
    assert same(weights(tmp_path), first)
    assert sorted(path.name for path in (tmp_path / "work" / "runs").iterdir()) == [run_name(Tiny())]


@pytest.mark.usefixtures("ray_capacity")
def test_problems_of_a_course_come_back_by_name(tmp_path):
    with pytest.raises(UsageError, match="TRAINING_DIVERGED"):
        train(Tiny(poison=tuple(range(20))), place(tmp_path / "one"), lambda _: None)


def test_what_a_course_raises_keeps_its_name_and_anything_else_gets_one():
    class WorkerGroupError(Exception):
        worker_failures: ClassVar = {1: UsageError("NAMED", "what")}

    assert _named_problem(Tiny(), WorkerGroupError()).code == "NAMED"
    assert _named_problem(Tiny(), UsageError("NAMED", "what")).code == "NAMED"
    problem = _named_problem(Tiny(), RuntimeError("Traceback:\n  a line\nValueError: bad\n"))
    assert (type(problem), problem.code, problem.why) == (EnvironmentProblem, "TRAINING_FAILED", "ValueError: bad")


def test_lines_that_a_kill_cut_off_are_left_out(tmp_path):
    log = tmp_path / "log"
    assert list(read_log(log)) == []
    log.write_bytes(b'{"run": "a", "step": 1, "seconds": 2}\n{"run": "a", "st\n[]\n{"step": 3}\n\xff\n')
    assert list(read_log(log)) == [{"run": "a", "step": 1, "seconds": 2}]
