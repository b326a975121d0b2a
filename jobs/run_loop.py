"""Run a pipeline over what is missing of a dataset, and say how it went."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from cluster.session import Capacity
from cluster.stream import stream
from engine.errors import OverBudget, UsageError
from engine.run.pipeline import Pipeline
from engine.run.recipe import Pool
from engine.storage.commits import CommittedUnits, Receipt, list_committed
from engine.storage.extents import Extents
from engine.storage.store import Store
from jobs.console import Console
from planners.capacity.replicas import replicas


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows of a run by what became of them."""

    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    failed: int = 0

    def plus(self, receipt: Receipt) -> Tally:
        """The tally with one more unit."""
        return Tally(
            self.rows + receipt.rows,
            self.accepted + receipt.accepted,
            self.rejected + receipt.rejected,
            self.failed + receipt.failed,
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """How many failed rows a run may have: a share of all rows, or a number."""

    share: float | None = None
    count: int | None = None

    def allows(self, failed: int, rows: int) -> bool:
        """Whether `failed` of `rows` is within the budget."""
        return failed <= (self.count if self.count is not None else (self.share or 0.0) * rows)


def parse_budget(text: str) -> Budget:
    """``1%`` or ``20``.

    Raises:
        UsageError: BUDGET_VALUE.
    """
    try:
        if text.endswith("%"):
            share = float(text[:-1]) / 100
            if 0 <= share <= 1:
                return Budget(share=share)
        elif int(text) >= 0:
            return Budget(count=int(text))
    except ValueError:
        pass
    raise UsageError(
        "BUDGET_VALUE", f"{text!r} is neither a share nor a number", where="--max-failures", fix="1% or 20"
    )


def make_missing(
    pipeline: Pipeline,
    pools: tuple[Pool, ...],
    *,
    store: Store,
    extents: Extents,
    samples: int,
    capacity: Capacity,
    budget: Budget,
    console: Console,
    label: str,
) -> Tally:
    """Commit every unit of the first `samples` samples that is not there yet; returns the rows made now.

    Raises:
        OverBudget: stopped because more rows failed than the budget allows; what was made stays.
    """
    units = extents.limit(samples)
    done = list_committed(store, units)
    pipeline.check()
    sizes = replicas(pools, cpus=capacity.cpus, gpus=capacity.gpus, memory_gb=capacity.memory_gb)
    if done.count:
        console.say(f"resume  {done.count:,} of {units:,} units are committed, {units - done.count:,} to do")
    progress = console.progress(label, _samples_left(extents, done))
    tally = Tally()
    for receipt in stream(pipeline, pools, sizes, done):
        tally = tally.plus(receipt)
        progress.advance(receipt.rows, f"{tally.failed} failed" if tally.failed else "")
        if not budget.allows(tally.failed, samples):
            progress.close()
            raise over_budget(tally.failed, samples, store.uri)
    progress.close()
    return tally


def _samples_left(extents: Extents, done: CommittedUnits) -> int:
    """Samples of the units that are not committed; only the last unit of an extent may be short."""
    return extents.samples_of(done.missing())


def over_budget(failed: int, rows: int, where: str) -> OverBudget:
    """Too many rows failed."""
    return OverBudget(
        "FAILURES",
        f"{failed:,} of {rows:,} rows failed, more than --max-failures allows",
        where=where,
        fix="see what they say with `mycanvas stats OUT`, mend the input, or raise --max-failures",
    )


def run_id() -> str:
    """A name for this run, by which the journal tells its own deaths from others'."""
    return uuid.uuid4().hex[:12]
