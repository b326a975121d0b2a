import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from cluster.auth_token import close_token_file
from cluster.private_cluster import SOURCE_CPUS, private_options
from cluster.session import QUIET_ENVIRONMENT, check_readable, session
from engine.errors import EnvironmentProblem, UsageError
from tests.support.processes.ray_cluster import CPUS, GPUS
from tests.support.processes.ray_head import free_port

ROOT = Path(__file__).parents[2]


def driver(body, *words, **environment):
    """A process of its own that runs `body`, with a session at hand."""
    imports = "import json, os, sys\nfrom cluster.private_cluster import cores\nfrom cluster.session import session"
    program = f"{imports}\n{textwrap.dedent(body)}"
    full = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, env=full, capture_output=True, text=True, check=False)


def test_a_cluster_that_is_there_is_joined_and_one_core_is_left_to_its_source(ray_capacity):
    assert (ray_capacity.cpus, ray_capacity.gpus, ray_capacity.nodes) == (CPUS, GPUS, 1)
    assert 0 < ray_capacity.memory_gb < 4096


def test_a_private_cluster_has_what_is_asked_for_and_leaves_nothing_behind():
    with tempfile.TemporaryDirectory(prefix="mct") as folder:  # not tmp_path: paths to sockets end at 107 bytes
        done = driver(
            """
            with session(cpus=2, gpus=1) as capacity:
                print(json.dumps([capacity.cpus, capacity.gpus, capacity.nodes, len(os.listdir(os.environ["TMPDIR"]))]))
            import ray
            print(ray.is_initialized())
            """,
            TMPDIR=folder,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == ["[2.0, 1.0, 1, 1]", "False"]
        assert list(Path(folder).iterdir()) == []


@contextmanager
def starting():
    """A driver, and the raylet that it starts, which is stopped at once."""
    program = "from cluster.session import session\nwith session(cpus=1):\n    print('in', flush=True)"
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with psutil.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as driver:
        while not (raylets := [child for child in driver.children() if "raylet" in child.name()]):
            time.sleep(0.01)
        raylets[0].suspend()
        yield driver, raylets[0]
        assert driver.wait(60) == 0


@pytest.mark.slow
def test_a_node_that_is_slow_to_start_is_waited_for():
    """Ray waits 30 s for a node; five of twenty starts on a busy machine were given up after three times that."""
    with starting() as (driver, raylet):
        time.sleep(45)
        assert raylet.is_running()
        raylet.resume()
        assert driver.stdout.readline() == b"in\n"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_node_that_never_comes_is_ended_and_another_one_started():
    """Ray leaves its processes behind when it gives up."""
    with starting() as (driver, raylet):
        assert driver.stdout.readline() == b"in\n"
        assert raylet not in [child for child in driver.children() if child.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow
def test_a_node_that_dies_while_it_starts_is_followed_by_another_one():
    """Ray leaves its processes behind when it gives up."""
    with starting() as (driver, raylet):
        raylet.kill()
        while not [child for child in driver.children() if "raylet" in child.name() and child != raylet]:
            time.sleep(0.1)
        assert raylet not in [child for child in driver.children() if child.status() != psutil.STATUS_ZOMBIE]
        assert driver.stdout.readline() == b"in\n"


def test_the_logs_of_a_private_cluster_are_kept_for_an_error_without_a_name():
    with pytest.raises(UsageError), private_options(2, 1) as named:
        raise UsageError("NAMED", "what")
    assert not Path(named["_temp_dir"]).exists()
    with pytest.raises(KeyError) as caught, private_options(2, 1) as unnamed:
        raise KeyError("surprise")
    folder = Path(unnamed["_temp_dir"])
    assert caught.value.__notes__ == [f"Ray's logs: {folder}"]
    folder.rmdir()


def test_a_private_cluster_takes_the_cores_of_its_process_and_counts_one_more_for_the_source():
    with private_options(None, None) as options:
        assert options["num_cpus"] == len(os.sched_getaffinity(0)) + SOURCE_CPUS
    assert driver("os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\nprint(cores(None))").stdout == "1\n"


def test_nobody_at_an_address_is_named_with_the_way_to_start_a_cluster():
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(EnvironmentProblem) as caught, session(address):
        pytest.fail("nobody is there")
    assert caught.value.code == "RAY_UNREACHABLE"
    assert caught.value.where == f"--address {address}"
    assert "ray start --head" in caught.value.fix


def test_somebody_who_listens_and_never_answers_is_given_up(monkeypatch):
    """`--address` of a silent port was waited for without end."""
    monkeypatch.setenv("MYCANVAS_ANSWER_S", "0.5")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(EnvironmentProblem, match="RAY_UNREACHABLE") as caught, session(address):
            pytest.fail("nobody answers")
    assert "timed out" in caught.value.why


def test_a_worker_that_dies_is_told_neither_on_stdout_nor_on_stderr(ray_address):
    done = driver(
        """
        import ray
        with session(sys.argv[1]):
            try:
                ray.get(ray.remote(max_retries=1)(lambda: os._exit(3)).remote())
            except ray.exceptions.WorkerCrashedError:
                print("died")
        """,
        ray_address,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "died\n", "")


def test_what_the_user_has_set_for_ray_is_left_as_it_is(ray_address):
    done = driver(
        """
        with session(sys.argv[1]):
            print(json.dumps({name: os.environ[name] for name in sys.argv[2:]}))
        """,
        ray_address,
        *QUIET_ENVIRONMENT,
        RAY_DEDUP_LOGS="0",
    )
    assert json.loads(done.stdout) == {**QUIET_ENVIRONMENT, "RAY_DEDUP_LOGS": "0"}


def test_a_folder_that_no_worker_sees_is_named_with_the_node(ray_capacity, tmp_path):
    check_readable(str(tmp_path), purpose="--photos")
    with pytest.raises(UsageError) as caught:
        check_readable(str(tmp_path / "nowhere"), purpose="--photos")
    assert (caught.value.code, caught.value.where) == ("URI_UNREACHABLE", str(tmp_path / "nowhere"))
    assert caught.value.what.startswith("--photos cannot be read by workers on node ")
    assert caught.value.why
    assert "object store" in caught.value.fix


def test_the_token_of_a_cluster_is_readable_by_its_owner_alone(tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("0" * 32)
    token.chmod(0o644)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    close_token_file()
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    token.unlink()
    close_token_file()
    assert not token.exists()


@pytest.mark.parametrize(
    ("limit", "where"),
    [("resource.RLIMIT_NOFILE, (64, 64)", "open files"), ("resource.RLIMIT_AS, (8 * 10**9,) * 2", "address space")],
)
def test_a_machine_that_cannot_hold_a_cluster_is_refused_before_it_starts(limit, where):
    """With 64 open files Ray was lost, and with 8 GB of address space nothing came, without a word."""
    done = driver(
        f"""
        import resource
        from engine.errors import EnvironmentProblem
        resource.setrlimit({limit})
        try:
            with session(cpus=1):
                pass
        except EnvironmentProblem as error:
            print(error.code, error.where, sep="\\n")
        """
    )
    assert done.stdout.splitlines() == ["MACHINE_UNFIT", where], done.stderr


def test_a_temporary_folder_with_a_long_path_is_refused_with_what_to_set(tmp_path, monkeypatch):
    place = tmp_path / ("long" * 20)
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with pytest.raises(EnvironmentProblem) as caught, private_options(1, 0):
        pytest.fail("its sockets would have no place")
    assert (caught.value.code, caught.value.where) == ("MACHINE_UNFIT", "temporary folder")
    assert "too long" in caught.value.why
    assert "TMPDIR" in caught.value.fix
    assert not list(place.iterdir())


LISTENERS = """
with session(cpus=1) as capacity:
    import psutil
    import ray
    @ray.remote
    def work():
        return os.environ.get("RAY_AUTH_MODE")
    mode = ray.get(work.remote())
    mine = psutil.Process()
    processes = [mine, *mine.children(recursive=True)]
    listening = {c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == "LISTEN"}
    print(json.dumps([sorted(listening), mode, capacity.cpus]))
print(json.dumps(os.environ.get("RAY_AUTH_MODE")))
"""


def test_a_private_cluster_listens_to_this_machine_alone_and_asks_for_a_token():
    done = driver(LISTENERS, RAY_AUTH_MODE="disabled")
    inside, after = map(json.loads, done.stdout.splitlines())
    assert inside[0]
    assert {ip.removeprefix("::ffff:") for ip in inside[0]} <= {"127.0.0.1", "::1"}
    assert inside[1:] == ["token", 1.0]
    assert after == "disabled", "what the user set for other clusters stays"


def test_folders_of_runs_that_were_killed_are_collected_by_the_next(monkeypatch):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    owners = {"mcdead": dead.stdout.decode().strip(), "mclive": str(os.getpid()), "mcodd": "?"}
    with tempfile.TemporaryDirectory(prefix="mct") as folder:  # the path to a test's own is too long for sockets
        monkeypatch.setattr(tempfile, "tempdir", folder)
        for name, owner in owners.items():
            Path(folder, name, "session").mkdir(parents=True)
            Path(folder, name, "owner.pid").write_text(owner)
        Path(folder, "mcnone").mkdir()
        with private_options(1, 0):
            left = {path.name for path in Path(folder).iterdir()}
    assert {"mclive", "mcodd", "mcnone"} < left
    assert "mcdead" not in left
