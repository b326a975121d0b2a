"""A Ray head as an administrator starts it: processes of its own, a dashboard on loopback, a token."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager, suppress
from pathlib import Path

TOKEN = "0123456789abcdef" * 2
STARTED_WITHIN_S = 120


def free_port():
    """Above those that Ray gives to workers."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def ray_head(cpus):
    """Yields the address of its dashboard."""
    folder = tempfile.mkdtemp(prefix="mch")  # short: socket paths end at 107 bytes
    port = free_port()
    options = {
        "--port": 0, "--node-ip-address": "127.0.0.1", "--dashboard-host": "127.0.0.1", "--dashboard-port": port,
        "--ray-client-server-port": free_port(), "--dashboard-agent-listen-port": 0, "--min-worker-port": 0,
        "--max-worker-port": 0, "--temp-dir": folder, "--num-cpus": cpus, "--include-dashboard": "true",
    }  # fmt: skip
    home = Path(sys.executable).parent  # not on the head's PATH: its environment is not activated
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    process = subprocess.Popen(
        [
            home / "ray",
            "start",
            "--head",
            "--block",
            "--disable-usage-stats",
            *(f"{k}={v}" for k, v in options.items()),
        ],
        env={**os.environ, **token, "PATH": os.defpath},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/api/version", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(3)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url, process):
    until = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < until:
        assert process.poll() is None, "ray start ended"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it asks for a token
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(url)
