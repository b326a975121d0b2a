import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.claims import claimed_replicas
from cluster.private_cluster import SOURCE_CPUS
from cluster.session import Capacity
from engine.errors import UsageError
from engine.run.pool import Pool
from tests.support.data.photos import concept_folder
from tests.support.processes.ray_cluster import CPUS, GPUS

ROOT = Path(__file__).parents[2]
WIDE = Pool(stages=("paste",))
HOLDS = """
import sys
from cluster.claims import claimed_replicas
from cluster.session import session
from engine.run.pool import Pool
with session(sys.argv[1]) as capacity, claimed_replicas([Pool(stages=("paste",))], capacity, "other", print) as sizes:
    print(sizes, flush=True)
    sys.stdin.read()
"""


def test_what_runs_hold_is_told_to_the_next_and_free_when_their_driver_is_killed(ray_address, ray_capacity):
    """Of two runs on one small cluster each got some of the cores, and both waited for ever."""
    command = [sys.executable, "-c", HOLDS, ray_address]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as other:
        assert other.stdout.readline() == f"({CPUS},)\n".encode()
        said = []

        def say(text):
            said.append(text)
            other.kill()

        with claimed_replicas([WIDE], ray_capacity, "mine", say) as sizes:
            assert sizes == (CPUS,)
    assert said == [
        f"waiting for a share of {CPUS + SOURCE_CPUS} CPUs and {GPUS} GPUs: other holds {CPUS + SOURCE_CPUS} CPUs"
    ]


def test_runs_that_fit_beside_each_other_share(ray_capacity):
    narrow = Pool(stages=("paste",), cpus=0.25, max_replicas=1)
    with claimed_replicas([narrow], ray_capacity, "first", pytest.fail) as first:
        with claimed_replicas([narrow], ray_capacity, "second", pytest.fail) as second:
            assert (first, second) == ((1,), (1,))
        with claimed_replicas([Pool(stages=("paste",), cpus=0.25)], ray_capacity, "third", pytest.fail) as third:
            assert third == (7,), "of four cores the first and its source hold 1.25, and its own source one"


def test_what_no_cluster_of_that_size_holds_is_refused_and_not_waited_for(ray_capacity):
    with (
        pytest.raises(UsageError) as caught,
        claimed_replicas([Pool(stages=("x",), cpus=9)], ray_capacity, "big", print),
    ):
        pytest.fail("it does not fit")
    assert caught.value.code == "CAPACITY"
    with claimed_replicas([WIDE], ray_capacity, "next", pytest.fail):
        pass


def test_a_private_cluster_has_nobody_to_share_with():
    alone = Capacity(cpus=2, gpus=0, memory_gb=1, nodes=1)
    with claimed_replicas([WIDE], alone, "alone", pytest.fail) as sizes:
        assert sizes == (2,)


@pytest.mark.slow  # 50 s
def test_two_runs_on_one_small_cluster_both_end(ray_address, tmp_path):
    photos = concept_folder(tmp_path / "photos")
    words = ["compose", "classic", "--photos", photos, "--samples", "12", "--address", ray_address]
    settings = [word for each in ("unit_size=4", "size=96", "scene.max_objects=2") for word in ("--set", each)]
    runs = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "jobs", *map(str, words), "--out", tmp_path / name, *settings],
            cwd=ROOT, stderr=subprocess.PIPE, text=True,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    said = [run.communicate(timeout=300)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert any("waiting for a share" in err and "holds" in err for err in said), said
