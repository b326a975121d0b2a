"""A unit in a process and between processes.

A unit travels as one Arrow table of exactly `unit_size` rows: a short unit is filled up with rows that have no id, so
that every block on the cluster has the same number of rows and none is ever bundled with another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from engine.errors import MyCanvasError
from engine.rows.schema import FAILURE, from_table, to_table
from engine.rows.values import Failure
from engine.storage.commits import FailedRow

IDENTITY = ("sample_id", "unit_id", "seed")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit in a process: its rows, why some of them failed, and the seconds that each stage took."""

    unit_id: int
    rows: tuple[Any, ...]
    failures: tuple[Failure | None, ...]
    timings: Mapping[str, float]

    @classmethod
    def from_plan(cls, unit_id: int, rows: Iterable[Any]) -> Unit:
        """A unit of rows that no stage has seen."""
        own = tuple(rows)
        return cls(unit_id, own, (None,) * len(own), {})

    def alive(self) -> list[int]:
        """Positions of the rows that no stage has failed."""
        return [position for position, failure in enumerate(self.failures) if failure is None]

    def with_answers(self, positions: Sequence[int], answers: Sequence[Any], stage: str, seconds: float) -> Unit:
        """The unit after a stage: rows replaced by their answers, failures noted."""
        rows, failures = list(self.rows), list(self.failures)
        for position, answer in zip(positions, answers, strict=True):
            if isinstance(answer, Failure):
                failures[position] = answer
            else:
                rows[position] = answer
        spent = {**self.timings, stage: self.timings.get(stage, 0.0) + seconds}
        return Unit(self.unit_id, tuple(rows), tuple(failures), spent)


def failed_row(row: Any, failure: Failure) -> FailedRow:
    """What is kept of a row that could not be made: everything that was known, but no pixels."""
    known = {
        f.name: getattr(row, f.name)
        for f in fields(row)
        if f.name not in IDENTITY and not _pixels(getattr(row, f.name)) and getattr(row, f.name) != f.default
    }
    return FailedRow(
        sample_id=row.sample_id,
        unit_id=row.unit_id,
        seed=row.seed,
        stage=failure.stage,
        code=failure.code,
        message=failure.message,
        inputs=json.dumps(known, default=_jsonable, sort_keys=True),
    )


def _pixels(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_pixels(item) for item in value)
    return isinstance(value, (bytes, np.ndarray))


def _jsonable(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in fields(value) if not _pixels(getattr(value, f.name))}
    raise MyCanvasError("INPUT_TYPE", f"{type(value).__name__} cannot be kept with a failed row")


def to_block(unit: Unit, record: type, columns: tuple[str, ...], unit_size: int) -> pa.Table:
    """A unit as `unit_size` Arrow rows, with its failures and timings beside the record's columns."""
    fill = unit_size - len(unit.rows)
    pads = [record(sample_id="", unit_id=unit.unit_id, seed=0)] * fill
    table = to_table(record, [*unit.rows, *pads], columns)
    failures = [None if f is None else {"stage": f.stage, "code": f.code, "message": f.message} for f in unit.failures]
    table = table.append_column("failure", pa.array([*failures, *[None] * fill], FAILURE))
    return table.append_column("timings", pa.array([json.dumps(dict(unit.timings))] * unit_size, pa.string()))


def from_block(table: pa.Table, record: type, columns: Sequence[str]) -> Unit:
    """Read back what `to_block` wrote.

    Raises:
        MyCanvasError: UNITS_MIXED when the block holds rows of two units.
    """
    units = set(table.column("unit_id").to_pylist())
    if len(units) != 1:
        raise MyCanvasError("UNITS_MIXED", f"a block holds rows of units {sorted(units)}", fix="report this as a bug")
    pads = table.column("sample_id").to_pylist().count("")
    table = table.slice(0, table.num_rows - pads)
    rows: tuple[Any, ...] = tuple(from_table(record, table, columns))
    failures = tuple(None if f is None else Failure(**f) for f in table.column("failure").to_pylist())
    timings = json.loads(table.column("timings")[0].as_py()) if rows else {}
    return Unit(units.pop(), rows, failures, timings)
