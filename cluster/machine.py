"""What a private cluster needs of this machine: looked at before it starts, and by `doctor`.

Ray does not look. Without these a start ended in `RAY_LOST`, in "try again when the machine is less busy", or hung.
"""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import EnvironmentProblem

DESCRIPTORS, FEW_DESCRIPTORS = 128, 4096
"""Open files: with 64 the raylet ends, 128 do for two cores; Ray asks for 65,536 on large machines."""
ADDRESS_SPACE_GB = 16  # with 8 GB a run hung without a word, with 16 it works
MEMORY_GB, LITTLE_MEMORY_GB = 1.25, 2.5  # two workers and Ray take 1.6 GB; of 0.9 GB nothing came for three minutes
SOCKET_BYTES = 107
_BELOW = len("/mc12345678/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store")
TEMPORARY_MB = 100


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that a private cluster needs: how it stands here, whether it is `enough`, or too little to start."""

    name: str
    detail: str
    enough: bool
    fatal: bool
    fix: str


def needs() -> Iterator[Need]:
    """Everything that a private cluster needs of this machine."""
    yield _descriptors()
    yield _address_space()
    yield _memory()
    yield from _temporary()


def require_fit() -> None:
    """Refuse to start what could not live.

    Raises:
        EnvironmentProblem: MACHINE_UNFIT.
    """
    for need in needs():
        if need.fatal:
            what = "not fit for a private Ray cluster"
            fix = f"{need.fix}; or --address none, without Ray"
            raise EnvironmentProblem("MACHINE_UNFIT", what, where=need.name, why=need.detail, fix=fix)


def _descriptors() -> Need:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # Ray raises the soft limit by itself
    bounded = most != resource.RLIM_INFINITY
    few, too_few = bounded and most < FEW_DESCRIPTORS, bounded and most < DESCRIPTORS
    fix = f"raise the hard limit: `ulimit -Hn {FEW_DESCRIPTORS}` as root, or LimitNOFILE= of the service"
    return Need("open files", f"{most:,} at most" if bounded else "no limit", not few, too_few, fix)


def _address_space() -> Need:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    bounded = most != resource.RLIM_INFINITY
    short = bounded and most < ADDRESS_SPACE_GB * 10**9
    detail = f"{most / 1e9:.0f} GB (ulimit -v)" if bounded else "no limit"
    return Need("address space", detail, not short, short, "limit memory by a container or cgroup, not by `ulimit -v`")


def _memory() -> Need:
    from ray._private.utils import estimate_available_memory  # 0.7 s; it knows containers

    free = estimate_available_memory() / 1e9
    fix = "end other programs, or give the container more memory"
    return Need("memory", f"{free:.1f} GB free", free >= LITTLE_MEMORY_GB, free < MEMORY_GB, fix)


def _temporary() -> Iterator[Need]:
    folder = tempfile.gettempdir()
    over = len(os.fsencode(folder)) + _BELOW - SOCKET_BYTES
    detail = f"{folder} is {over} bytes too long for the paths of Ray's sockets" if over > 0 else folder
    yield Need("temporary folder", detail, over <= 0, over > 0, "set TMPDIR to a shorter path, such as /tmp")
    asked = os.environ.get("TMPDIR", folder)
    fell_back = Path(asked).resolve() != Path(folder).resolve()
    facts = os.statvfs(folder)
    free = facts.f_bavail * facts.f_frsize / 1e6
    detail = f"{asked} cannot be written to, {folder} is used" if fell_back else f"{free:,.0f} MB free in {folder}"
    enough = free >= TEMPORARY_MB and not fell_back
    yield Need("temporary space", detail, enough, False, "free some space there, or set TMPDIR to another folder")
