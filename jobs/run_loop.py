"""The one run loop: make what is missing of some units, watch how many rows fail, and say how it went."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from cluster.claims import claimed_replicas
from cluster.session import Capacity, session
from cluster.stream import stream
from engine.errors import OverBudget, UsageError
from engine.run.in_process import make_in_process
from engine.run.pipeline import Pipeline
from engine.run.pool import Pool
from engine.storage.commits import CommittedUnits, Receipt, list_committed
from engine.storage.extents import Extents
from engine.storage.open_store import open_store
from jobs.console import Console, Progress

Make = Callable[[Sequence[Pool], Sequence[int], CommittedUnits], Iterator[Receipt]]
"""Makes the units that are not done, with this many replicas of each pool, inside a session."""
MakeHere = Callable[[CommittedUnits], Iterator[Receipt]]
"""The same in this process."""


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


ANY_FAILURES = Budget(share=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Units that are to be made.

    Attributes:
        label: what the progress is called.
        out: where they are committed.
        make: makes those that are missing, in a cluster.
        make_here: does so in this process.
        pools: what the processes need that make them.
        done: which units are committed, and how many there are to be.
        rows: of all units together, which the budget is a share of.
        rows_left: of the units that are missing.
        failed: rows that failed in earlier runs and count against the budget.
        budget: how many rows may fail.
    """

    label: str
    out: str
    make: Make
    make_here: MakeHere
    pools: tuple[Pool, ...]
    done: CommittedUnits
    rows: int
    rows_left: int
    failed: int = 0
    budget: Budget = ANY_FAILURES

    @property
    def missing(self) -> int:
        """Units that are to be made."""
        return self.done.units - self.done.count


def pipeline_work(
    pipeline: Pipeline, pools: tuple[Pool, ...], *, label: str, extents: Extents, samples: int, budget: Budget
) -> Work:
    """What is missing of the first `samples` samples of a pipeline's output.

    Raises:
        UsageError: as `Pipeline.check`.
    """
    pipeline.check()
    done = list_committed(open_store(pipeline.run.out), extents.limit(samples))
    return Work(
        label=label,
        out=pipeline.run.out,
        make=partial(stream, pipeline),
        make_here=partial(make_in_process, pipeline),
        pools=pools,
        done=done,
        rows=samples,
        rows_left=extents.samples_of(done.missing()),
        budget=budget,
    )


def make_missing(work: Work, capacity: Capacity, console: Console) -> Tally:
    """Make every unit that is missing, inside a session; returns the rows made now.

    Raises:
        OverBudget: FAILURES, as soon as more rows failed than the budget allows; what was made stays.
    """
    tally = Tally()
    if not work.missing:
        return tally
    if work.done.count:
        units = work.done.units
        console.say(f"resume  {work.done.count:,} of {units:,} units are committed, {work.missing:,} to do")
    progress = console.progress(work.label, work.rows_left)
    with progress.watch():
        for receipt in _receipts(work, capacity, progress):
            tally = tally.plus(receipt)
            progress.advance(receipt.rows, f"{tally.failed} failed" if tally.failed else "")
            _watch(work, tally.failed)
    return tally


def _receipts(work: Work, capacity: Capacity, progress: Progress) -> Iterator[Receipt]:
    if not capacity.ray:
        yield from work.make_here(work.done)
        return
    with claimed_replicas(work.pools, capacity, f"{work.label} into {work.out}", progress.say) as sizes:
        yield from work.make(work.pools, sizes, work.done)


def make_all(works: Sequence[Work], address: str, console: Console) -> list[Tally]:
    """Make what is missing of each work in turn; a cluster is asked for only where something is.

    Raises:
        OverBudget: as `make_missing`.
        EnvironmentProblem: those of `cluster.session.session`.
    """
    for work in works:
        _watch(work, 0)  # rows that failed before may be too many now
    if not any(work.missing for work in works):
        return [Tally() for _ in works]
    with session(address) as capacity:
        return [make_missing(work, capacity, console) for work in works]


def _watch(work: Work, failed: int) -> None:
    if not work.budget.allows(work.failed + failed, work.rows):
        raise OverBudget(
            "FAILURES",
            f"{work.failed + failed:,} of {work.rows:,} rows failed, more than --max-failures allows",
            where=work.out,
            fix="see what they say with `mycanvas stats OUT`, mend the input, or raise --max-failures",
        )


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


def new_run_id() -> str:
    """A name for this run, by which the journal tells its own deaths from others'."""
    return uuid.uuid4().hex[:12]
