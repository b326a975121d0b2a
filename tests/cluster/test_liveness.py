import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.liveness import _Watch
from engine.errors import EnvironmentProblem
from tests.support.processes.ray_head import free_port

LOSES = """
import sys, time
import psutil
from cluster.session import session
from engine.errors import EnvironmentProblem
try:
    with session(cpus=1):
        import ray
        left = ray.remote(lambda: time.sleep(300)).remote()
        [part] = [child for child in psutil.Process().children() if child.name().startswith(sys.argv[1])]
        part.kill()
        ray.get(left)
except EnvironmentProblem as error:
    print(error.code, error.where, error.fix, sep="\\n")
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(("part", "named"), [("raylet", "its raylet"), ("gcs_server", "its control service (GCS)")])
def test_a_run_whose_ray_is_killed_ends_in_exit_4_and_says_how_to_go_on(part, named):
    """It ended in exit 1: without a raylet after 15 s, without the control service after 60 s and without a line."""
    done = subprocess.run(
        [sys.executable, "-c", LOSES, part],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == EnvironmentProblem.exit_code, done.stderr
    code, where, fix = done.stdout.splitlines()
    assert code == "RAY_LOST"
    assert where.startswith(named)
    assert fix == "the same command goes on where it stopped"


def test_a_control_service_that_others_restart_is_waited_for(tmp_path):
    gcs = f"127.0.0.1:{free_port()}"
    with socket.socket(socket.AF_UNIX) as raylet:
        raylet.bind(str(tmp_path / "raylet"))
        raylet.listen()
        watch = _Watch(gcs, str(tmp_path / "raylet"), patience_s=45)
        assert watch.look() == f"its control service (GCS) at {gcs}"
        with socket.create_server(("127.0.0.1", int(gcs.rpartition(":")[2]))):
            assert watch.look() == ""
    assert watch.look() == "its raylet on this machine", "of which nobody restarts this one"
