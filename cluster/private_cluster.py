"""A private cluster on this machine: its options, where it listens, and how long it may take to start."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cluster.machine import require_fit
from engine.errors import MyCanvasError

PREFIX, OWNER = "mc", "owner.pid"
LOOPBACK = "127.0.0.1"
SOURCE_CPUS = 1
"""Kept from the pools: the tasks that hand out unit numbers need a core by the books, and wait for ever without one."""

PATIENCE_S = 120
"""For each part of Ray to start: Ray gives most of them 30 s, and beside 20 busy processes two cores take 40."""
PATIENT_ENVIRONMENT = {
    "RAY_gcs_server_port_wait_time_s": str(PATIENCE_S),
    "RAY_gcs_rpc_server_connect_timeout_s": str(PATIENCE_S),
    "RAY_agent_register_timeout_ms": str(PATIENCE_S * 1000),
    "RAY_worker_register_timeout_seconds": str(PATIENCE_S),
}


@contextlib.contextmanager
def private_options(cpus: int | None, gpus: int | None) -> Iterator[dict[str, Any]]:
    """The options of a private cluster. Its logs go with it, unless something went wrong that has no name.

    Raises:
        EnvironmentProblem: MACHINE_UNFIT.
    """
    require_fit()
    _remove_dead(Path(tempfile.gettempdir()))
    folder = tempfile.mkdtemp(prefix=PREFIX)  # short: socket paths end at 107 bytes
    Path(folder, OWNER).write_text(str(os.getpid()))
    os.environ.update({key: value for key, value in PATIENT_ENVIRONMENT.items() if key not in os.environ})
    try:
        with _on_loopback(), _patiently():
            yield {
                "_node_ip_address": LOOPBACK,
                "_temp_dir": folder,
                "num_cpus": cores(cpus) + SOURCE_CPUS,
                "num_gpus": gpus,
                "include_dashboard": False,  # 3 s of start-up
            }
    except (MyCanvasError, KeyboardInterrupt, SystemExit):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except BaseException as error:
        Path(folder, OWNER).unlink(missing_ok=True)  # whoever is told of it may look into it later
        error.add_note(f"Ray's logs: {folder}")
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _remove_dead(place: Path) -> None:
    """Remove what runs left that were killed, 130 to 640 KB each; whose run lives, or nobody knows, is left alone."""
    for owner in place.glob(f"{PREFIX}*/{OWNER}"):
        with contextlib.suppress(OSError, ValueError):
            if owner.stat().st_uid == os.getuid() and not _lives(int(owner.read_text())):
                shutil.rmtree(owner.parent, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Let a node live at 127.0.0.1, where its servers listen to this machine alone.

    Ray puts the machine's own address in its place, and then every server listens on all interfaces.
    """
    from ray._private import services

    own = services.resolve_ip_for_localhost
    services.resolve_ip_for_localhost = lambda host: host
    try:
        yield
    finally:
        services.resolve_ip_for_localhost = own


@contextlib.contextmanager
def _patiently() -> Iterator[None]:
    """Let a node take `PATIENCE_S` to appear; Ray's 30 s for it are a constant inside of a function."""
    from ray._private import services

    own = services.get_node
    services.get_node = _patient(own)
    try:
        yield
    finally:
        services.get_node = own


def _patient(look: Callable[..., Any]) -> Callable[..., Any]:
    def look_again(*words: Any) -> Any:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return look(*words)
            except RuntimeError:  # it is not there yet
                if time.monotonic() > until or _a_child_ended():
                    raise
            time.sleep(0.2)

    return look_again


def _a_child_ended() -> bool:
    """Whether a process of ours, such as a raylet, has ended and nobody has taken note."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def end_half_started(error: Exception) -> None:
    """Ray drops a node that was slow to start and leaves its processes behind."""
    from ray._private.node import Node

    for frame, _ in traceback.walk_tb(error.__traceback__):
        node = frame.f_locals.get("self")
        if isinstance(node, Node):
            node.kill_all_processes(check_alive=False, allow_graceful=False)
            return


def cores(asked: int | None) -> int:
    """The cores that this process may use: a container's share, not the machine's."""
    if asked:
        return asked
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
