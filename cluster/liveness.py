"""Whether the Ray under this driver still lives, and a named error soon after it does not.

Without it a driver whose raylet is gone ends after 15 s with an error of an actor that nobody asked for, and one whose
control service (GCS) is gone after 60 s without a word: Ray's C++ core ends the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from engine.errors import EnvironmentProblem, MyCanvasError
from engine.ticking import tick

RAYLET = "its raylet on this machine"
EVERY_S, SHARED_EVERY_S = 1.0, 5.0  # each look is a line of 130 bytes in the raylet's log, which may be somebody else's
ANSWER_S = 5.0
PATIENCE_S = 45.0  # with a control service that others restart; Ray's core ends this process after 60 s


@contextlib.contextmanager
def raise_when_lost(*, private: bool) -> Iterator[None]:
    """Watch the Ray that this process is connected to while the block runs.

    Args:
        private: whether its control service is ours, which nobody would restart.

    Raises:
        EnvironmentProblem: RAY_LOST.
    """
    from ray._private import worker

    node = worker.global_worker.node
    if node is None:  # a client of ray://, which has no part of Ray on this machine
        yield
        return
    watch = _Watch(node.gcs_address, node.raylet_socket_name, 0.0 if private else PATIENCE_S)
    try:
        with tick(EVERY_S if private else SHARED_EVERY_S, watch.check):
            yield
    except MyCanvasError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit):
            signal.alarm(0)  # on SIGTERM Ray's C++ core sets one that ends this process after 3 s; unwinding takes 8
        lost = watch.lost or watch.look()
        if not lost:
            raise
        raise EnvironmentProblem(
            "RAY_LOST",
            "Ray ended under this run",
            where=lost,
            why="killed, or the machine ran out of memory: `dmesg` says so" if private else "",
            fix="the same command goes on where it stopped",
        ) from error


@final
@dataclass(slots=True)
class _Watch:
    """Looks now and then; what is lost is told to the main thread as SIGTERM is, so that it unwinds."""

    gcs_address: str
    raylet_socket: str
    patience_s: float
    lost: str = ""
    seen: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Tell the main thread of a loss, once."""
        if self.lost:
            return
        lost = self.look()
        if not lost:
            self.seen = time.monotonic()
        elif lost == RAYLET or time.monotonic() - self.seen > self.patience_s:
            self.lost = lost
            if callable(signal.getsignal(signal.SIGTERM)):
                os.kill(os.getpid(), signal.SIGTERM)

    def look(self) -> str:
        """What does not answer; empty where all does. A process that is stopped still answers."""
        host, _, port = self.gcs_address.rpartition(":")
        if not _listens(socket.AF_UNIX, self.raylet_socket):
            return RAYLET
        return "" if _listens(socket.AF_INET, (host, int(port))) else f"its control service (GCS) at {self.gcs_address}"


def _listens(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family) as knock:
        knock.settimeout(ANSWER_S)
        try:
            knock.connect(address)
        except (ConnectionError, FileNotFoundError):
            return False
        except OSError:
            return True  # too busy to answer, or this process has no descriptors left: no sign of a death
    return True
