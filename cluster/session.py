"""Connect for the length of a job: to a cluster that is there, or to a private one on this machine."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.auth_token import close_token_file, with_token
from cluster.liveness import raise_when_lost
from cluster.private_cluster import SOURCE_CPUS, cores, end_half_started, private_options
from cluster.waiting import tell_waiting
from engine.errors import EnvironmentProblem, UsageError
from engine.limits import answer_limit_s

LOCAL, NONE = "local", "none"
ON_THIS_MACHINE = LOCAL, NONE
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
"""How HTTP/2, and so gRPC, begins: the preface and empty settings. A server answers with settings of its own."""
_STARTS = 2
QUIET_ENVIRONMENT = {
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",  # ours counts samples; Ray's count blocks
    "RAY_DATA_USAGE_DISABLED": "1",  # what we run is nobody's business; an actor of 4 s less to start
    "RAY_DEDUP_LOGS": "1",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
}


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the cluster holds for pools: CPU cores, GPUs, memory for workers in GiB, nodes.

    Without `ray` there is no cluster: units are made in this process, whatever pools ask for. A cluster that is
    `shared` may be used by others at the same time.
    """

    cpus: float
    gpus: float
    memory_gb: float
    nodes: int
    ray: bool = True
    shared: bool = False


@contextlib.contextmanager
def session(address: str = LOCAL, *, cpus: int | None = None, gpus: int | None = None) -> Iterator[Capacity]:
    """A connection to Ray, or none.

    Args:
        address: ``local`` starts a private cluster (a bare `ray.init` would join whatever lives on the machine);
            ``none`` starts nothing; ``auto`` joins the one that this machine belongs to; anything else is the address
            of a head node.
        cpus: cores of a private cluster; none takes those of the machine.
        gpus: GPUs of a private cluster; may be logical ones, for tests of placement.

    Raises:
        EnvironmentProblem: RAY_UNREACHABLE, MACHINE_UNFIT; inside the block RAY_LOST, within seconds of its end.
    """
    if address == NONE:
        yield Capacity(cpus=cores(cpus), gpus=gpus or 0, memory_gb=0, nodes=1, ray=False)
        return
    os.environ.update({key: value for key, value in QUIET_ENVIRONMENT.items() if key not in os.environ})
    with with_token() if address == LOCAL else nullcontext(), _connection(address, cpus, gpus) as capacity:
        yield capacity


@contextlib.contextmanager
def _connection(address: str, cpus: int | None, gpus: int | None) -> Iterator[Capacity]:
    """Connected to the cluster at an address, or to a private one."""
    import ray  # 0.7 s: only the commands that need a cluster pay for it

    _divert_native_stderr()
    scope: AbstractContextManager[dict[str, Any]] = private_options(cpus, gpus) if address == LOCAL else nullcontext({})
    with scope as options:
        _connect(address, options)
        _silence()
        close_token_file()
        try:
            with raise_when_lost(private=address == LOCAL):
                resources = ray.cluster_resources()
                yield Capacity(
                    cpus=resources.get("CPU", 0.0) - SOURCE_CPUS,
                    gpus=resources.get("GPU", 0.0),
                    memory_gb=resources.get("memory", 0.0) / 1024**3,
                    nodes=len(ray.nodes()),
                    shared=address != LOCAL,
                )
        finally:
            ray.shutdown()


def _connect(address: str, options: dict[str, Any]) -> None:
    """Join a cluster, or start one with `options`."""
    import ray

    for left in reversed(range(_STARTS if options else 1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                _knock(address)
                with tell_waiting("a private Ray to start" if address == LOCAL else f"Ray at {address}"):
                    ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **options)
            except Exception as error:  # ray raises a bare Exception when a node is slow to start
                end_half_started(error)
                if not left:
                    raise _unreachable(address, error, private=bool(options)) from error
            else:
                return


def _knock(address: str) -> None:
    """Does a control service of Ray answer there? Ray itself would try for more than five minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return
    with socket.create_connection((host.rpartition("/")[2].strip("[]"), int(port)), timeout=answer_limit_s()) as door:
        if os.environ.get("RAY_USE_TLS", "0") in ("", "0"):
            door.sendall(GREETING)
            if not door.recv(1):
                raise ConnectionError("somebody is there who does not speak Ray's protocol")


def _unreachable(address: str, error: Exception, *, private: bool) -> EnvironmentProblem:
    return EnvironmentProblem(
        "RAY_UNREACHABLE",
        "no Ray cluster answers",
        where=f"--address {address}",
        why=str(error).splitlines()[0] if str(error) else type(error).__name__,
        fix="try again when the machine is less busy; `mycanvas doctor` looks at what Ray needs of it"
        if private
        else "start one with `ray start --head`, or leave --address out to use this machine",
    )


def check_readable(uri: str, *, purpose: str) -> None:
    """Ask one worker on every node whether it can see `uri`; a node that goes meanwhile is not waited for.

    Raises:
        UsageError: URI_UNREACHABLE names the node.
    """
    import ray
    from ray.exceptions import NodeDiedError, TaskUnschedulableError, WorkerCrashedError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    probe = ray.remote(num_cpus=0, max_retries=1)(_readable)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    asked = [
        probe.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(uri)
        for node in nodes
    ]
    for node, answer in zip(nodes, asked, strict=True):
        try:
            problem = ray.get(answer)
        except (TaskUnschedulableError, NodeDiedError, WorkerCrashedError):
            continue  # the node went while it was asked, and nothing will run there
        if problem:
            raise UsageError(
                "URI_UNREACHABLE",
                f"{purpose} cannot be read by workers on node {node['NodeManagerHostname']}",
                where=uri,
                why=problem,
                fix="use a folder that every node mounts, or an object store such as s3://",
            )


def _readable(uri: str) -> str:
    from engine.photos.listing import open_folder

    try:
        open_folder(uri)
    except UsageError as error:
        return str(error.why or error.what)
    return ""


def _silence() -> None:
    """Keep Ray's notes in its log files: deaths of workers are told by the journal, errors by the exception."""
    from ray._private import worker

    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    # Ray has no switch for this: its notes of dead workers go to stdout, which belongs to a command's data.
    worker.print_to_stdstream = lambda *_, **__: None


@functools.cache
def _divert_native_stderr() -> None:
    """Python keeps the terminal; what Ray's C++ core writes for its developers goes nowhere.

    Once per process. The notes are in the session's log folder as well.
    """
    python_stderr = os.fdopen(os.dup(2), "w", buffering=1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    if sys.stderr is sys.__stderr__:
        sys.stderr = python_stderr
    sys.__stderr__ = python_stderr  # type: ignore[misc]
