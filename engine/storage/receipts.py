"""What a unit came to: its receipt, its failed rows, and the names of its files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from engine.rows.schema import column_names, to_table
from engine.rows.values import ACCEPTED, REJECTED
from engine.storage.hashes import digest
from engine.storage.parquet import stream_table, write_table

DATA, FAILURES, RECEIPTS = "data", "failures", "_commits"
FAILURES_KEY = "mycanvas.failures"
"""Of the data file's schema metadata: the failed rows as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    """A row that could not be made: why, and what it takes to try it again. `inputs` is JSON text."""

    sample_id: str
    unit_id: int
    seed: int
    stage: str
    code: str
    message: str
    inputs: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a unit came to. `rows` counts all, failed ones too; `bytes` and `blake2b` are of the data file.

    `timings` are seconds by stage. A receipt that was rebuilt from its data file has attempt 0 and no timings.
    """

    unit_id: int
    file: str
    rows: int
    accepted: int
    rejected: int
    failed: int
    bytes: int
    blake2b: str
    failures_blake2b: str
    attempt: int
    timings: Mapping[str, float]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """All rows, accepted, rejected and failed ones."""
        return self.rows, self.accepted, self.rejected, self.failed


def data_path(unit_id: int) -> str:
    """Where a unit's rows are."""
    return f"{DATA}/part-{unit_id:08d}.parquet"


def failures_path(unit_id: int) -> str:
    """Where a unit's failed rows are, if it has any."""
    return f"{FAILURES}/part-{unit_id:08d}.parquet"


def receipt_path(unit_id: int) -> str:
    """Where a unit's receipt is, and its rows without pixels."""
    return f"{RECEIPTS}/{unit_id:08d}.arrow"


def write_data(table: pa.Table, failures: Sequence[FailedRow], sink: Any) -> None:
    """Write the data file of a unit. Its failed rows ride in the schema's metadata, so that the file is enough."""
    stream_table(table, sink, metadata={FAILURES_KEY: json.dumps([asdict(row) for row in failures])})


def failures_bytes(failures: Sequence[FailedRow]) -> memoryview:
    """The table of failures of a unit."""
    return write_table(to_table(FailedRow, failures, column_names(FailedRow, stored=True)), metadata={})


def tally(unit_id: int, table: pa.Table, failures: Sequence[FailedRow], *, size: int, blake2b: str) -> Receipt:
    """The receipt of a data file of `size` bytes with this hash; attempt 0 and no timings, which no file holds."""
    statuses = Counter(table.column("status").to_pylist())
    return Receipt(
        unit_id=unit_id,
        file=data_path(unit_id),
        rows=table.num_rows + len(failures),
        accepted=statuses[ACCEPTED],
        rejected=statuses[REJECTED],
        failed=len(failures),
        bytes=size,
        blake2b=blake2b,
        failures_blake2b=digest(failures_bytes(failures)) if failures else "",
        attempt=0,
        timings={},
    )


def fault(unit_id: int, table: pa.Table, failures: Sequence[FailedRow]) -> str:
    """What contradicts ``rows == accepted + rejected + failed``, each of this unit and counted once; or ""."""
    if strangers := {*table.column("status").to_pylist()} - {ACCEPTED, REJECTED}:
        return f"rows with a status that is neither accepted nor rejected: {sorted(map(repr, strangers))}"
    if units := {*table.column("unit_id").to_pylist(), *(row.unit_id for row in failures)} - {unit_id}:
        return f"rows of other units: {sorted(units)[:5]}"
    ids = [*table.column("sample_id").to_pylist(), *(row.sample_id for row in failures)]
    if twice := [sample for sample, times in Counter(ids).items() if times > 1]:
        return f"rows counted twice: {twice[:5]}"
    return "" if ids else "no rows at all"
