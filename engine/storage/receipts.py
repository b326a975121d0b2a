"""What a unit came to: its receipt and its failed rows, and how both are worked out from the data file alone."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from engine.errors import Damaged
from engine.rows.schema import column_names, to_table
from engine.rows.values import ACCEPTED, REJECTED
from engine.storage.parquet import read_shard, write_table
from engine.storage.sealed import digest

DATA, FAILURES, RECEIPTS = "data", "failures", "_commits"
_FAILURES = "mycanvas.failures"  # key of the data file's schema metadata


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
    """Where a unit's receipt is."""
    return f"{RECEIPTS}/{unit_id:08d}.json"


def data_bytes(table: pa.Table, failures: Sequence[FailedRow]) -> memoryview:
    """The data file of a unit. Its failed rows ride in the schema's metadata, so that the file is enough."""
    return write_table(table, metadata={_FAILURES: json.dumps([asdict(row) for row in failures])})


def failures_bytes(failures: Sequence[FailedRow]) -> memoryview:
    """The table of failures of a unit."""
    return write_table(to_table(FailedRow, failures, column_names(FailedRow, stored=True)), metadata={})


def derive(data: bytes, unit_id: int) -> tuple[Receipt, list[FailedRow]]:
    """What the bytes of a data file alone say of the unit.

    Raises:
        Damaged: SHARD_DAMAGED, SHARD_FOREIGN, or SHARD_ROWS when the rows are not those of the unit.
    """
    path = data_path(unit_id)
    with read_shard(io.BytesIO(data), path) as shard:
        notes = shard.metadata.metadata or {}
        rows = shard.read(columns=["sample_id", "unit_id", "status"])
    try:
        failures = [FailedRow(**row) for row in json.loads(notes[_FAILURES.encode()])]
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged("SHARD_ROWS", "holds no account of its unit", where=path, why=str(error)) from error
    if wrong := fault(unit_id, rows, failures):
        raise Damaged("SHARD_ROWS", wrong, where=path)
    return tally(unit_id, rows, failures, size=len(data), blake2b=digest(data)), failures


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
