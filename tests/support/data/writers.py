"""What the writers do that tests start, race and kill; they are forked off a server that has everything imported."""

import multiprocessing
import os
from pathlib import Path

import pandas as pd  # noqa: F401 (Arrow imports it with the first table, which takes a fork a second: here, once)

from engine.dataset.garbage import collect, garbage
from engine.failpoints import VARIABLE
from engine.storage.open_store import open_store
from tests.support.data.units import make_run

KEYS = 40


def processes():
    """Start processes from here: a few milliseconds each, and none inherits this one's threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])
    return context


def race(uri, writers):
    """All create the same keys. Returns which writer won which: a list of (key, writer)."""
    context = processes()
    won = context.Queue()
    access = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}  # the server has its own
    racers = [context.Process(target=_create_all, args=(uri, f"w{number}", won, access)) for number in range(writers)]
    for racer in racers:
        racer.start()
    wins = [win for _ in racers for win in won.get(timeout=120)]
    for racer in racers:
        racer.join()
    return wins


def work(folder, failpoint=""):
    """A whole run with a leftover to collect, in a process that dies at `failpoint`. Returns its exit code."""
    process = processes().Process(target=_work, args=(folder, failpoint))
    process.start()
    process.join()
    return process.exitcode


def _create_all(uri, mark, won, access):
    os.environ.update(access)
    store = open_store(uri)
    won.put([(key, mark) for key in range(KEYS) if store.create(f"keys/{key}", mark.encode())])


def _work(folder: Path, failpoint):
    os.environ[VARIABLE] = failpoint
    store = open_store(str(folder))
    store.put("_tmp/1-dead", b"left by an earlier run")
    make_run(store, samples=10)
    collect(store, garbage(store, 0))
