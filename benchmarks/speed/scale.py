"""What ten million samples cost the driver before the first unit comes back, against a thousand."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import final

from benchmarks.support.child_process import ask
from benchmarks.support.figure import Figure
from engine.errors import OverBudget
from engine.storage.receipts import data_path
from jobs.run_loop import Budget

FEW, MANY, UNIT_SIZE = 1_000, 10_000_000, 64
ROUNDS = 3
LIMIT_S = 300.0
LIMIT = 1.5


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one driver process until its first receipt: CPU seconds, user and system; highest resident MB."""

    cpu_s: float
    peak_mb: float


def run() -> list[Figure]:
    """Fresh, and with every second unit committed; few and many take turns."""
    figures = []
    for half in (False, True):
        few, many = [], []
        for _ in range(ROUNDS):
            few.append(_first_unit(FEW, half))
            many.append(_first_unit(MANY, half))
        state = "half committed" if half else "fresh"
        cpu = median(cost.cpu_s for cost in many), median(cost.cpu_s for cost in few)
        peak = median(cost.peak_mb for cost in many), median(cost.peak_mb for cost in few)
        figures += [
            _figure(f"driver CPU to the first unit, {state}", *cpu, "s"),
            _figure(f"driver memory to the first unit, {state}", *peak, "MB"),
        ]
    return figures


def _figure(name: str, many: float, few: float, what: str) -> Figure:
    detail = f"{many:.3g} {what} for {MANY:,} samples, {few:.3g} {what} for {FEW:,}; medians of {ROUNDS}"
    return Figure(name, f"<= {LIMIT}", many / few, many / few <= LIMIT, detail)


def _first_unit(samples: int, half: bool) -> Cost:
    with tempfile.TemporaryDirectory(prefix="mcb") as out:
        if half:
            _commit_every_second(Path(out), -(-samples // UNIT_SIZE))
        return Cost(**ask("benchmarks.speed.scale", samples, out, timeout_s=LIMIT_S))


def _commit_every_second(out: Path, units: int) -> None:
    """A unit is committed when its name is there: empty files do."""
    (out / data_path(0)).parent.mkdir()
    for unit_id in range(0, units, 2):
        (out / data_path(unit_id)).touch()


@final
class _FirstReceipt(Budget):
    """A budget that allows nothing: the run ends at its first receipt, and the bill is made out there."""

    def allows(self, failed: int, rows: int) -> bool:
        del failed, rows
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_mb": _peak_mb()}), flush=True)
        return False


def main(samples: int, out: str) -> None:
    """The child: begin a run as `compose` does, with stand-in stages."""
    from cluster.session import session
    from engine.rows.composition import Composition
    from engine.run.pipeline import Pipeline
    from engine.run.pool import Pool
    from engine.run.sources import Origin, Samples
    from engine.run.stage import Run
    from engine.storage.extents import extend
    from engine.storage.open_store import open_store
    from jobs.console import Console
    from jobs.run_loop import make_missing, pipeline_work
    from tests.support.models.standins import Draw, Finish, Nap

    store = open_store(out)
    extents = extend(store, samples, UNIT_SIZE)
    pipeline = Pipeline(
        record=Composition,
        run=Run(out=out, library="", size=64),
        run_id="bench",
        source=Samples(Origin(record=Composition, extents=extents, seed=0, out=out)),
        groups=((Draw(), Nap(), Finish()),),
        unit_size=UNIT_SIZE,
    )
    pools = (Pool(stages=("draw", "nap", "finish", "commit")),)
    with session(cpus=2) as capacity:
        try:
            budget = _FirstReceipt()
            work = pipeline_work(pipeline, pools, label="scale", extents=extents, samples=samples, budget=budget)
            make_missing(work, capacity, Console("quiet"))
        except OverBudget:
            return


def _peak_mb() -> float:
    """From the kernel's own account: `ru_maxrss` would begin with the size of the process that started this one."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [peak] = [line for line in lines if line.startswith("VmHWM:")]
    return int(peak.split()[1]) / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
