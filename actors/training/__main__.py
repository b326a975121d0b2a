"""Train one part in this process, without a cluster: for trying hyperparameters out.

    python -m actors.training scorer --data toysets --out out/micro --set schedule.steps=200

Running it again goes on from the last checkpoint; ``--fresh`` begins anew, ``--evaluate`` measures at the end.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from actors.micro.parts import MICRO
from actors.micro.spec import measure_part
from engine.storage.open_store import open_store
from engine.training.checkpoints import Checkpoints
from engine.training.local import train_locally
from engine.training.resources import CPU_ENVIRONMENT, TrainingStorage
from engine.training.spec import configure


def main(arguments: Sequence[str]) -> None:
    """Parse the command line, train, and measure where that is asked for."""
    asked = _parser().parse_args(arguments)
    spec = configure(MICRO.resolve(asked.part), asked.overrides)
    storage = TrainingStorage(data=asked.data, out=asked.out, work=asked.work or asked.out)
    if asked.fresh:
        Checkpoints(open_store(storage.work), spec.run).clear()
    train_locally(
        spec,
        storage,
        threads=asked.threads,
        tell=lambda report: _write({"step": report.step, "seconds": report.seconds, **report.metrics}),
    )
    if asked.evaluate:
        _write({row.metric: row.value for row in measure_part(spec, asked.out, asked.data, spec.seed)})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m actors.training")
    parser.add_argument("part", choices=list(MICRO))
    parser.add_argument("--data", required=True, help="folder of the rendered Toybox sets")
    parser.add_argument("--out", required=True, help="the family: a folder or s3://bucket/prefix")
    parser.add_argument("--work", help="where checkpoints are kept, in runs/; none: in OUT")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="forget earlier checkpoints")
    parser.add_argument("--evaluate", action="store_true", help="measure at the end")
    return parser


def _write(values: Mapping[str, float]) -> None:
    sys.stdout.write("  ".join(f"{name} {value:.6g}" for name, value in values.items()) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if CPU_ENVIRONMENT.keys() - os.environ.keys():  # the C library reads them when a process starts
        again = [sys.executable, "-m", "actors.training", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, **CPU_ENVIRONMENT})  # noqa: S606 - this very program
    main(sys.argv[1:])
