"""One process's share of a pipeline: consecutive stages, guarded, journalled and, at the end, committed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import final

import pyarrow as pa

from engine.errors import EnvironmentProblem, MyCanvasError
from engine.rows.schema import to_table
from engine.rows.values import Failure
from engine.run.guard import call_guarded
from engine.run.journal import Journal, open_journal
from engine.run.pipeline import Pipeline
from engine.run.probe import death_of
from engine.run.stage import Run, Stage, Worker
from engine.run.unit import Unit, failed_row, from_block, to_block
from engine.run.watchdog import deadline
from engine.storage.commits import Receipt, commit_unit
from engine.storage.open_store import open_store
from engine.storage.store import Store

WARM_UP = "warm_up"
"""What the seconds of a process's first unit count for: graphs are captured and kernels chosen in them."""


@final
class Group:
    """One process's share: the loaded workers of consecutive stages, and the commit where it is the last share."""

    def __init__(self, pipeline: Pipeline, position: int, *, probes: bool = False) -> None:
        """`probes`: whether a suspected row is first tried elsewhere, since its death here would be that of the run."""
        self._pipeline = pipeline
        self._position = position
        self._store: Store = open_store(pipeline.run.out)
        self._stages = pipeline.groups[position]
        self._workers = [_load_worker(stage, pipeline.run) for stage in self._stages]
        self._first = True
        self._probes = probes
        self._name = self._stages[0].name if self._stages else "commit"
        self._commits = position == len(pipeline.groups) - 1

    def __call__(self, table: pa.Table) -> pa.Table:
        """A block in, a block out: a unit's number or rows in; its rows, or its receipt after the last group, out."""
        unit = self._receive(table)
        journal = open_journal(self._store, unit.unit_id, self._name, self._pipeline.run_id)
        try:
            unit = self._one_by_one(unit, table, journal) if journal.row_by_row else self._together(unit, journal)
            journal.rest()
            answer = self._answer(unit, journal.attempt)
        except BaseException:  # named errors and Ctrl-C end the run, and no row is to blame
            journal.abandon()
            raise
        journal.finish()
        return answer

    def rehearse_row(self, table: pa.Table, position: int) -> None:
        """Take one row of a block through the stages, for nothing but to see whether this process survives it."""
        unit = self._receive(table)
        for stage, worker in zip(self._stages, self._workers, strict=True):
            if unit.failures[position] is None:
                unit = _step(unit, stage, worker, [position], lambda: None, told=stage.name)

    def _answer(self, unit: Unit, attempt: int) -> pa.Table:
        if self._commits:
            return receipt_table(self._commit(unit, attempt))
        columns = self._pipeline.columns_leaving(self._position)
        return to_block(unit, self._pipeline.record, columns, self._pipeline.unit_size)

    def _receive(self, table: pa.Table) -> Unit:
        if self._position:
            return from_block(table, self._pipeline.record, self._pipeline.columns_leaving(self._position - 1))
        return self._pipeline.source.unit(table.column("unit_id")[0].as_py())

    def _together(self, unit: Unit, journal: Journal) -> Unit:
        for stage, worker in zip(self._stages, self._workers, strict=True):
            for positions in _batches(unit.alive(), stage.batch_size):
                unit = _step(
                    unit, stage, worker, positions, journal.expire, told=WARM_UP if self._first else stage.name
                )
        self._first = False
        return unit

    def _one_by_one(self, unit: Unit, table: pa.Table, journal: Journal) -> Unit:
        for position in unit.alive():
            name = unit.rows[position].sample_id
            known = journal.verdict(name)
            if not known and self._probes and (suspected := journal.suspect_stage(name)):
                code = death_of(rehearse, self._pipeline, self._position, table, position)
                known = (suspected, code) if code else None
            if known:
                stage_name, code = known
                failure = Failure(stage_name, code, "the row ended the process that worked on it, again and again")
                unit = unit.with_answers([position], [failure], stage_name, 0.0)
                continue
            for stage, worker in zip(self._stages, self._workers, strict=True):
                if unit.failures[position] is None:
                    journal.begin(name, stage.name)
                    unit = _step(unit, stage, worker, [position], journal.expire, told=stage.name)
        return unit

    def _commit(self, unit: Unit, attempt: int) -> Receipt:
        good = unit.alive()
        failed = [
            failed_row(row, failure)
            for row, failure in zip(unit.rows, unit.failures, strict=True)
            if failure is not None
        ]
        columns = self._pipeline.stored
        receipt, _won = commit_unit(
            self._store,
            unit.unit_id,
            to_table(self._pipeline.record, [unit.rows[position] for position in good], columns),
            failed,
            attempt=attempt,
            timings={name: round(seconds, 4) for name, seconds in unit.timings.items()},
        )
        return receipt


def rehearse(pipeline: Pipeline, group: int, table: pa.Table, row: int) -> None:
    """Load a group and take one row of a block through it; nothing is kept."""
    Group(pipeline, group).rehearse_row(table, row)


def _load_worker(stage: Stage, run: Run) -> Worker:
    """The stage's worker; what a model library raises on the way gets a name, or it would pass for the process's death.

    Raises:
        EnvironmentProblem: STAGE_UNLOADABLE, and whatever has a name already.
    """
    try:
        return stage.load(run)
    except MyCanvasError:
        raise
    except Exception as error:
        raise EnvironmentProblem(
            "STAGE_UNLOADABLE",
            f"the stage {stage.name!r} cannot be loaded",
            why=f"{type(error).__name__}: {error}".splitlines()[0],
            fix="if it names a file of a model, download that model again, whole; docs/models.md lists what each needs",
        ) from error


def _step(
    unit: Unit, stage: Stage, worker: Worker, positions: Sequence[int], on_expiry: Callable[[], None], *, told: str
) -> Unit:
    """The unit after a stage has seen these rows; its seconds count for `told`."""
    rows = [unit.rows[position] for position in positions]
    started = time.perf_counter()
    with deadline(stage.timeout_s, on_expiry):
        answers = call_guarded(stage.name, worker, rows)
    return unit.with_answers(positions, answers, told, time.perf_counter() - started)


def _batches(positions: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(positions), size):
        yield positions[start : start + size]


def receipt_table(receipt: Receipt) -> pa.Table:
    """The only thing that returns to the driver."""
    return pa.table({"receipt": [json.dumps(asdict(receipt))]})


def receipts_of(table: pa.Table) -> Iterator[Receipt]:
    """The receipts of `receipt_table`."""
    yield from (Receipt(**json.loads(text)) for text in table.column("receipt").to_pylist())
