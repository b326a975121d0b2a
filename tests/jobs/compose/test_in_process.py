"""`--address none`: the same dataset from one process, without Ray."""

import json
import subprocess
import sys

import pytest

from cluster.session import NONE, session
from engine.dataset.verify import verify
from engine.errors import UsageError
from engine.storage.open_store import open_store
from jobs.console import Console
from jobs.train.micro import train_family
from jobs.train.micro_plan import MicroRequest
from tests.support.data.photos import concept_folder
from tests.support.processes.command import ROOT
from tests.support.processes.inline import files
from tests.support.processes.inprocess import SMALL, compose, cut

COMPOSE = """
import json, sys
from jobs.compose.compose import compose
from jobs.compose.recipes import load
from jobs.compose.request import ComposeRequest
from jobs.console import Console
from jobs.run_loop import ANY_FAILURES

photos, out, *settings = sys.argv[1:]
request = ComposeRequest(
    recipe=load("classic", settings), samples=6, out=out, photos=photos, address="none", budget=ANY_FAILURES
)
rows = [compose(request, Console("quiet")).rows for _ in range(2)]
import ray
print(json.dumps([rows, ray.is_initialized()]))
"""


def test_one_process_makes_what_a_cluster_makes_and_ray_is_not_started(tmp_path):
    photos, out = concept_folder(tmp_path / "photos"), tmp_path / "out"
    command = [sys.executable, "-W", "ignore", "-c", COMPOSE, photos, str(out), *SMALL, "phases.segment.unit_size=4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[6, 0], False]
    assert verify(open_store(str(out))).damage == ()
    cut(photos, str(tmp_path / "library"))
    compose(str(tmp_path / "library"), str(tmp_path / "again"), 6)
    assert files(out) == files(tmp_path / "again")


def test_a_session_without_ray_asks_no_capacity(tmp_path):
    with session(NONE) as capacity:
        assert not capacity.ray


def test_a_training_wants_a_cluster(tmp_path):
    order = MicroRequest(
        out=f"{tmp_path}/out", data=f"{tmp_path}/data", work=f"{tmp_path}/work", report=tmp_path / "r.md", address=NONE
    )
    with pytest.raises(UsageError, match="TRAINING_ADDRESS"):
        train_family(order, Console("quiet"))
