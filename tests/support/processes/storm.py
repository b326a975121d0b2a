"""Two writers on one output, killed at random moments, begun again until the run is whole; then the next run.

A program of its own: it imports little and starts no thread, so that a writer is forked in a few milliseconds.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from engine.storage.commits import commit_unit, list_committed
from engine.storage.extents import extend
from engine.storage.lock import claim
from engine.storage.manifest import write_manifest
from engine.storage.open_store import open_store
from tests.support.data.units import unit

SEED, KILLS = 20, 510
SAMPLES, UNIT_SIZE, PICTURE_BYTES = 40, 4, 20_000
WRITERS = 2
LIFE_S = (0.005, 0.120)


def plan():
    """The rows of every unit, made once."""
    starts = range(0, SAMPLES, UNIT_SIZE)
    return [unit(number, start, start + UNIT_SIZE, PICTURE_BYTES) for number, start in enumerate(starts)]


def write(folder, units, order):
    """What a run does, without what makes the rows."""
    store = open_store(str(folder))
    claim(store, {"data": {"seed": 7}})
    extents = extend(store, SAMPLES, UNIT_SIZE)
    missing = list_committed(store, extents.units).missing().tolist()
    order.shuffle(missing)
    for unit_id in missing:
        table, failures = units[unit_id]
        commit_unit(store, unit_id, table, failures, attempt=1, timings={})
    write_manifest(store)


def content(folder):
    """Every file that must not depend on who wrote it, when, and how often it was tried."""
    store = open_store(str(folder))
    return {e.path: store.read(e.path) for kind in ("data", "failures", "scores") for e in store.list(kind)}


def begin(folder, units, seed):
    """Fork a writer."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        write(folder, units, random.Random(seed))
        code = 0
    finally:
        os._exit(code)


def disturb(folder, units, chance, enough):
    """Make one dataset; the number of writers that were killed on the way. No more than `enough` are."""
    kills, lives = 0, {}
    while True:
        while len(lives) < WRITERS:
            lives[begin(folder, units, chance.random())] = time.monotonic() + chance.uniform(*LIFE_S)
        time.sleep(0.001)
        for child, end in list(lives.items()):
            due = kills < enough and time.monotonic() >= end
            if due:
                os.kill(child, signal.SIGKILL)
            ended, status = os.waitpid(child, 0 if due else os.WNOHANG)
            if not ended:
                continue
            del lives[child]
            if os.WIFSIGNALED(status):
                kills += 1
            elif os.WEXITSTATUS(status):
                raise SystemExit("a writer failed")
            else:
                for other in lives:
                    os.waitpid(other, 0)
                return kills


def storm(folder, seed, wanted):
    """Datasets until `wanted` writers were killed."""
    chance, units = random.Random(seed), plan()
    kills = datasets = 0
    while kills < wanted:
        kills += disturb(folder / f"{datasets:03d}", units, chance, wanted - kills)
        datasets += 1
    return {"kills": kills, "datasets": datasets}


if __name__ == "__main__":
    print(json.dumps(storm(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201
