"""Jobs on a Ray head of its own, with a token, through the command itself."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from actors.models.mirror import push
from engine.dataset.verify import verify
from engine.storage.open_store import open_store
from tests.support.data.photos import concept_folder
from tests.support.models.tiny_models import TOWER, written
from tests.support.processes.ray_head import TOKEN, ray_head

COMMIT = "0123456789abcdef" * 2 + "01234567"
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def head():
    with ray_head(cpus=3) as address:
        yield address


@pytest.fixture
def mycanvas(head):
    def call(*words, check=True, **keys):
        command = [Path(sys.executable).parent / "mycanvas", *words, "--address", head]
        without = {key: value for key, value in os.environ.items() if not key.startswith("RAY_AUTH")}
        environment = {**without, **(keys or {"RAY_AUTH_TOKEN": TOKEN})}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    return call


def run_file(folder, **changes):
    out = folder / "dataset"
    run = {"recipe": "classic", "photos": concept_folder(folder / "photos"), "samples": 6, "out": str(out)}
    settings = ["unit_size=3", "size=96", "pools.segment.cpus=0.5", "scene.max_objects=2"]
    run |= {"set": settings, "code": "send"} | changes
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(run))
    return path, out


def test_a_run_is_submitted_followed_and_gone_on_with(mycanvas, tmp_path):
    path, out = run_file(tmp_path)
    first = mycanvas("submit", str(path), "--follow")
    assert "submitted  mycanvas-" in first.stderr
    assert '"rows": 6' in first.stderr
    report = verify(open_store(str(out)))
    assert (report.units, report.damage) == (2 + 2, ())  # and those of the library
    second = mycanvas("submit", str(path), "--follow", "--format", "json")
    assert '"rows": 0' in second.stderr
    job = yaml.safe_load(second.stdout)["job"]
    assert job.endswith("-2")
    assert job[:-1] in first.stdout
    status = mycanvas("status", job).stdout
    assert "succeeded" in status
    assert str(out) in status
    assert "Running entrypoint" in mycanvas("logs", job).stdout


@pytest.mark.slow  # 50 s
def test_workers_take_models_from_where_the_run_says(mycanvas, tmp_path):
    tower = written("dinov2", {**TOWER, "image_size": 56, "patch_size": 14}, tmp_path / "tower", "apache-2.0")
    push(tower, "toys/tower", COMMIT, str(tmp_path / "models"))
    path, out = run_file(tmp_path, samples=3, models=str(tmp_path / "models"))
    run = yaml.safe_load(path.read_text())
    run["set"].append(f"score.identity={{backend: dino, model: toys/tower, revision: '{COMMIT}'}}")
    path.write_text(yaml.safe_dump(run))
    mycanvas("submit", str(path), "--follow")
    rows = [row for file in (out / "data").glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    assert [{model["name"]: model["revision"] for model in row["models"]}["toys/tower"] for row in rows] == [COMMIT] * 3


def test_a_run_under_way_is_found_and_can_be_stopped(mycanvas, tmp_path):
    path, _ = run_file(tmp_path, samples=100_000)
    job = mycanvas("submit", str(path)).stdout.split()[0]
    again = mycanvas("submit", str(path))
    assert "under way already" in again.stderr
    assert again.stdout.split()[0] == job
    assert mycanvas("stop", job).stdout == "stopped\n"
    followed = mycanvas("logs", job, "-f", check=False)
    assert followed.returncode == 130
    assert "stopped" in mycanvas("status", job).stdout


def test_a_job_that_fails_ends_the_command_with_its_own_exit_code(mycanvas, tmp_path):
    path, out = run_file(tmp_path, photos=str(tmp_path / "nowhere"))
    done = mycanvas("submit", str(path), "--follow", check=False)
    assert "is not on this machine" in done.stderr
    assert "PHOTOS_UNREADABLE" in done.stderr
    assert done.returncode == 2
    assert not out.exists()


def test_what_the_cluster_does_not_know_or_let_in_is_named(mycanvas):
    assert "JOB_UNKNOWN" in mycanvas("stop", "mycanvas-0-1", check=False).stderr
    refused = mycanvas("status", RAY_AUTH_TOKEN="f" * 32, check=False)
    assert refused.returncode == 4
    assert "RAY_TOKEN" in refused.stderr
    assert "refuses the token of RAY_AUTH_TOKEN" in refused.stderr
    assert "f" * 32 not in refused.stderr


def test_a_token_is_found_where_rays_own_tools_keep_it_and_else_it_is_said_how_one_gets_it(mycanvas, tmp_path):
    """`set RAY_AUTH_TOKEN` was all that was said, and Ray's file was not looked at."""
    missing = mycanvas("status", HOME=str(tmp_path), check=False)
    assert missing.returncode == 4
    assert "asks for a token, and none is here" in missing.stderr
    assert "`ray get-auth-token` on its head" in missing.stderr
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(f"{TOKEN}\n")
    assert mycanvas("status", HOME=str(tmp_path)).returncode == 0


def test_an_api_that_listens_and_never_answers_is_given_up(tmp_path):
    program = (
        "import cluster.job_api as api, sys\n"
        "from engine.errors import EnvironmentProblem\n"
        "try: api.connect(sys.argv[1])\nexcept EnvironmentProblem as problem: print(problem)"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-c", program, address]
        hasty = {**os.environ, "MYCANVAS_ANSWER_S": "0.5"}
        done = subprocess.run(command, env=hasty, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith(f"RAY_UNREACHABLE  --address {address}")
    assert "timed out" in done.stdout


ASKS = """
import sys
from pathlib import Path
from cluster.submit import Submissions
from engine.errors import EnvironmentProblem
from jobs.cluster.remote_python import check_python
from jobs.console import Console
try:
    check_python(Submissions(sys.argv[1]), sys.argv[1], Path(sys.argv[2]), "recipe.yaml", Console("quiet"))
except EnvironmentProblem as problem:
    print(problem)
"""


def test_a_python_that_cannot_run_the_engine_is_told_before_a_job_starts(head, tmp_path):
    """The job ended in `ModuleNotFoundError`, which stood in its log alone."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "__init__.py").write_text("import what_is_not_installed")
    (tmp_path / "recipe.yaml").write_text("name: x")
    environment = {**os.environ, "RAY_AUTH_TOKEN": TOKEN}  # a process keeps the first token that it has read
    command = [sys.executable, "-c", ASKS, head, tmp_path]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("CLUSTER_PYTHON")
    assert f"{sys.executable} cannot load this engine" in done.stdout
    assert "what_is_not_installed" in done.stdout
    assert "constraints.txt" in done.stdout
