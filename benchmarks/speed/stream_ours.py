"""A child process: stand-in stages through the engine's own stream. Arguments: samples, rows a unit, output folder."""

from __future__ import annotations

import json
import sys
import time

from benchmarks.speed.load import CPUS, PIXEL_BYTES, REPLICAS, SLEEP_S, STORED_BYTES
from cluster.session import session
from cluster.stream import stream
from engine.rows.composition import Composition
from engine.run.pipeline import Pipeline
from engine.run.pool import Pool
from engine.run.stage import Run
from engine.storage.commits import list_committed
from engine.storage.open_store import open_store
from tests.support.models.standins import Draw, Finish, Nap, Numbers

POOLS = (Pool(stages=("draw",)), Pool(stages=("nap",)), Pool(stages=("finish", "commit")))


def pipeline(samples: int, unit_size: int, out: str) -> Pipeline:
    """Three pools of one stage each, so that every row crosses the object store twice."""
    return Pipeline(
        record=Composition,
        run=Run(out=out, library="", size=64),
        run_id="bench",
        source=Numbers(samples, unit_size),
        groups=((Draw(payload=PIXEL_BYTES),), (Nap(sleep_s=SLEEP_S),), (Finish(stored=STORED_BYTES),)),
        unit_size=unit_size,
    )


def main(samples: int, unit_size: int, out: str) -> None:
    """Make the units; print when each receipt arrived."""
    job = pipeline(samples, unit_size, out)
    with session(cpus=CPUS):
        began = time.monotonic()
        done = list_committed(open_store(out), -(-samples // unit_size))
        arrivals = [[time.monotonic() - began, receipt.rows] for receipt in stream(job, POOLS, REPLICAS, done)]
    print(json.dumps({"arrivals": arrivals, "wall_s": arrivals[-1][0]}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
