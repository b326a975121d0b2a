"""Runs of one small pipeline that are ended in every way that is no row's doing, until the dataset is whole.

    python -m tests.support.processes.row_storm FOLDER KIND COUNT SEED

Each run is a forked process that makes what is missing, under a run id of its own, as a command would. KIND is how runs
end: SIGKILL, SIGTERM, SIGINT; `pause`, stopped at work while others go on; `full`, no file may grow any more;
`named`, an error that has a name. The last row of every dataset ends its process by itself. Prints which rows failed.
"""

import json
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from engine.errors import MyCanvasError
from engine.rows.composition import Composition
from engine.run.in_process import make_in_process
from engine.run.pipeline import Pipeline
from engine.run.stage import Run
from engine.seeds import sample_id
from engine.storage.commits import list_committed
from engine.storage.open_store import open_store
from tests.support.models.standins import Draw, Finish, Moody, Nap, Numbers, Trap

ROWS, KILLER = 8, 7
LIFE_S = (0.002, 0.12)
ENDS_PER_DATASET = 25
PAUSED = 3
NAP_S = 0.012  # of each row, so that runs end while a row is at work


def pipeline(out, run_id):
    """Eight rows in one unit, of which one kills; `Moody` refuses to work while a file says so."""
    mood = Moody(file=f"{out}.mood")
    stages = (Draw(), mood, Nap(sleep_s=NAP_S), Trap(kills=(sample_id(KILLER),)), Finish())
    return Pipeline(
        record=Composition, run=Run(out=str(out), library="", size=64), run_id=run_id, source=Numbers(ROWS, ROWS),
        groups=(stages,), unit_size=ROWS,
    )  # fmt: skip


def begin(out, run_id, most_bytes=None):
    """Fork a run; it may write files of no more than `most_bytes`."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        if most_bytes is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
        for _ in make_in_process(pipeline(out, run_id), list_committed(open_store(str(out)), 1)):
            pass
        code = 0
    except (MyCanvasError, OSError):
        code = 4
    finally:
        os._exit(code)
    return 0


def disturb(kind, out, run_id, chance):
    """One run that ends as `kind` says, or comes through before that."""
    mood = Path(f"{out}.mood")
    if kind == "named":
        mood.write_text(str(chance.randrange(ROWS)))
    child = begin(out, run_id, chance.randrange(1, 400) if kind == "full" else None)
    if kind in ("named", "full"):
        os.waitpid(child, 0)
        mood.unlink(missing_ok=True)
        return None
    time.sleep(chance.uniform(*LIFE_S))
    if kind == "pause":
        os.kill(child, signal.SIGSTOP)
        return child
    os.kill(child, signal.Signals[kind])
    os.waitpid(child, 0)
    return None


def storm(out, kind, ends, chance, names):
    """Disturbed runs, then undisturbed ones until the dataset is whole; what became of its rows."""
    out.mkdir(parents=True)
    paused = []
    for _ in range(ends):
        if (out / "data").is_dir() and any((out / "data").iterdir()):
            break
        stopped = disturb(kind, out, next(names), chance)
        paused += [stopped] if stopped else []
        while len(paused) > PAUSED:
            end(paused.pop(0))
    for _ in range(12):  # the planted row ends some of these
        os.waitpid(begin(out, next(names)), 0)
        if list_committed(open_store(str(out)), 1).count:
            break
    for child in paused:
        end(child)
    failed = [row for path in out.glob("failures/*.parquet") for row in pq.read_table(path).to_pylist()]
    return Counter(f"{row['sample_id']} {row['code']}" for row in failed)


def end(child):
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def main(folder, kind, count, seed):
    chance, names = random.Random(int(seed)), (f"run{number:08d}" for number in range(1 << 30))
    told, datasets, left = Counter(), 0, int(count)
    while left > 0:
        ends = min(left, ENDS_PER_DATASET)
        told += storm(Path(folder) / f"{datasets:03d}", kind, ends, chance, names)
        datasets, left = datasets + 1, left - ends
    print(json.dumps({"datasets": datasets, "killer": sample_id(KILLER), "failed": told}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
