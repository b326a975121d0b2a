"""One Ray cluster for all tests of a process: logical cores and GPUs, held by a process of its own, joined by jobs.

A cluster takes 12 s of processor time to start, and joining one takes 2 s.
"""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
CPUS, GPUS = 3, 4  # by the books; Ray starts a process a core for every driver, 1.5 s of processor time each


@contextmanager
def ray_cluster():
    """Yields the address that jobs take as ``--address``."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RAY_prestart_worker_first_driver": "0",  # one idle process a core, for a driver that only holds the door
    }
    command = [sys.executable, "-m", "tests.support.processes.ray_cluster"]
    holder = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        address = holder.stdout.readline().strip()
        assert address, "the cluster did not start"
        yield address
    finally:
        holder.stdin.close()  # it ends with us, however we end
        holder.wait(60)


def main():
    """Hold a cluster until nobody is at the other end of stdin."""
    import ray

    from cluster.private_cluster import private_options

    with private_options(CPUS, GPUS) as options:
        ray.init(**{**options, "_node_ip_address": None})  # a cluster on loopback can be joined by nobody
        print(ray.get_runtime_context().gcs_address, flush=True)  # noqa: T201
        sys.stdin.read()


if __name__ == "__main__":
    main()
