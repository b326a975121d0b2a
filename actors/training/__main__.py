"""Train one part in this process, without a cluster: for trying a course out while it is written.

    python -m actors.training scorer --data toysets --out out/micro --set schedule.steps=200

Running it again goes on from the last checkpoint; ``--fresh`` begins anew, ``--evaluate`` measures at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from actors.micro.parts import MICRO
from engine.training.course import MALLOC, LocalDesk, configure


def main(arguments: Sequence[str]) -> None:
    """Parse, train, tell."""
    parser = argparse.ArgumentParser(prog="python -m actors.training")
    parser.add_argument("part", choices=list(MICRO))
    parser.add_argument("--data", type=Path, required=True, help="folder of the rendered Toybox sets")
    parser.add_argument("--out", type=Path, required=True, help="the family's folder; checkpoints go to OUT/_work")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="forget earlier checkpoints")
    parser.add_argument("--evaluate", action="store_true", help="measure at the end")
    asked = parser.parse_args(arguments)
    course = configure(MICRO.resolve(asked.part), asked.overrides)
    work = asked.out / "_work" / f"{asked.part}-{course.digest()}"
    if asked.fresh:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    course.train(LocalDesk(data=asked.data, out=asked.out, work=work, threads=asked.threads, tell=_tell))
    for row in course.evaluate(asked.out, asked.data, seed=course.seed) if asked.evaluate else []:
        _say(f"{row.part:<12} {row.metric:<36} {row.value:9.4f}  target {row.target}")


def _tell(report: Mapping[str, Any]) -> None:
    _say("  ".join(f"{name} {value:.4g}" if name != "step" else f"step {value:,}" for name, value in report.items()))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if any(name not in os.environ for name in MALLOC):  # the C library reads them when a process starts
        again = [sys.executable, "-m", "actors.training", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, **MALLOC})  # noqa: S606 - this very program
    main(sys.argv[1:])
