"""The commit of a unit: one data file that appears whole under a name that depends on the unit alone.

The data file is the truth and is enough: it carries the unit's failed rows in its schema metadata. The table of
failures and the receipt are derived from it, for those who want to read them cheaply, and are written after it; a crash
in between loses neither. Two writers of a unit may have different failures; whoever creates the data file decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.errors import Damaged, MyCanvasError
from engine.failpoints import reach
from engine.storage.receipts import (
    DATA,
    FAILURES,
    FailedRow,
    Receipt,
    data_bytes,
    data_path,
    derive,
    failures_bytes,
    failures_path,
    fault,
    receipt_path,
    tally,
)
from engine.storage.sealed import digest, seal, unseal
from engine.storage.store import Store

__all__ = [
    "CommittedUnits",
    "FailedRow",
    "Receipt",
    "commit_unit",
    "data_files",
    "failure_files",
    "list_committed",
    "read_receipt",
    "rebuild_receipt",
    "receipts",
]

_RECEIPT = "receipt"
_ANEW = "remove it: it is made anew from the data file"
_SHARD_NAME = re.compile(r"part-(\d{8}|[1-9]\d{8})\.parquet")


@dataclass(frozen=True, slots=True)
class CommittedUnits:
    """Which of the units 0..units-1 are committed, one bit each: ten million samples of units of 64 take 20 kB."""

    units: int
    bits: NDArray[np.uint8]

    @property
    def count(self) -> int:
        """How many units are committed."""
        return int(np.bitwise_count(self.bits).sum())

    def __contains__(self, unit_id: int) -> bool:
        return 0 <= unit_id < self.units and bool(self.bits[unit_id // 8] >> (7 - unit_id % 8) & 1)

    def missing(self, start: int = 0, stop: int | None = None) -> NDArray[np.int64]:
        """Units of ``start <= unit < stop`` that are still to do, ascending, int64."""
        stop = self.units if stop is None else min(stop, self.units)
        first = start // 8 * 8
        done = np.unpackbits(self.bits[start // 8 : -(-stop // 8)])[start - first : max(stop, start) - first]
        return np.flatnonzero(done == 0) + start

    def ids(self) -> NDArray[np.int64]:
        """The committed units, ascending, int64."""
        return np.flatnonzero(np.unpackbits(self.bits)[: self.units])


def list_committed(store: Store, units: int | None = None) -> CommittedUnits:
    """One listing of ``data/``; units from `units` on are left out."""
    found = np.fromiter(_unit_ids(store), np.int64)
    units = int(found.max(initial=-1)) + 1 if units is None else units
    flags = np.zeros(units, np.uint8)
    flags[found[found < units]] = 1
    return CommittedUnits(units, np.packbits(flags))


def data_files(store: Store) -> list[str]:
    """The paths of all committed data files, in unit order."""
    return [data_path(unit_id) for unit_id in sorted(_unit_ids(store))]


def failure_files(store: Store) -> list[str]:
    """The paths of all tables of failures, in unit order."""
    return [f"{FAILURES}/{name}" for name in sorted(store.names(FAILURES), key=lambda name: (len(name), name))]


def receipts(store: Store) -> Iterator[Receipt]:
    """The receipt of every committed unit, in unit order; one that is missing is worked out, and not stored."""
    for unit_id in sorted(_unit_ids(store)):
        yield read_receipt(store, unit_id) or derive(store.read(data_path(unit_id)), unit_id)[0]


def commit_unit(
    store: Store,
    unit_id: int,
    table: pa.Table,
    failures: Sequence[FailedRow],
    *,
    attempt: int,
    timings: Mapping[str, float],
) -> tuple[Receipt, bool]:
    """Commit a unit, once: the first writer wins, every later one gets the winner's receipt and False.

    Args:
        store: the output.
        unit_id: of every row.
        table: the stored columns of the unit's accepted and rejected rows, in sample order; may have no row.
        failures: the rest of the unit's rows.
        attempt: which try this is, from 1.
        timings: seconds by stage.

    Raises:
        MyCanvasError: COMMIT_ROWS, when rows are counted twice, or belong to another unit or to no status.
        EnvironmentProblem: from the store.
    """
    if wrong := fault(unit_id, table, failures):
        raise MyCanvasError("COMMIT_ROWS", wrong, where=f"unit {unit_id}", why="a stage lost or mixed up rows")
    if store.exists(data_path(unit_id)):
        return rebuild_receipt(store, unit_id), False
    data = data_bytes(table, failures)
    with ThreadPoolExecutor(1) as beside:  # the hash of 13 MB takes as long as a fast disk: they share the time
        hashed = beside.submit(digest, data)
        won = store.create(data_path(unit_id), data)
    if not won:
        return rebuild_receipt(store, unit_id), False
    reach("after_data")
    receipt = tally(unit_id, table, failures, size=len(data), blake2b=hashed.result())
    return _settle(store, replace(receipt, attempt=attempt, timings=dict(timings)), failures), True


def read_receipt(store: Store, unit_id: int) -> Receipt | None:
    """The stored receipt of a unit; None where there is none.

    Raises:
        Damaged: SEAL_BROKEN, or RECEIPT_SWAPPED for another unit's.
    """
    path = receipt_path(unit_id)
    try:
        receipt = Receipt(**unseal(store.read(path), _RECEIPT, where=path, fix=_ANEW))
    except FileNotFoundError:
        return None
    if receipt.unit_id != unit_id:
        raise Damaged("RECEIPT_SWAPPED", f"the receipt of unit {receipt.unit_id}", where=path)
    return receipt


def rebuild_receipt(store: Store, unit_id: int) -> Receipt:
    """The receipt of a committed unit; one that is missing is made from the data file, its table of failures too."""
    return read_receipt(store, unit_id) or _settle(store, *derive(store.read(data_path(unit_id)), unit_id))


def _settle(store: Store, receipt: Receipt, failures: Sequence[FailedRow]) -> Receipt:
    """Write what is derived from a data file; the receipt last, so that who sees it finds the failures too."""
    if failures:
        _agree(store, failures_path(receipt.unit_id), failures_bytes(failures))
        reach("after_failures")
    if store.create(receipt_path(receipt.unit_id), seal(_RECEIPT, asdict(receipt))):
        reach("after_receipt")
        return receipt
    stored = read_receipt(store, receipt.unit_id)
    if stored and stored.blake2b == receipt.blake2b:
        return stored
    store.put(
        receipt_path(receipt.unit_id), seal(_RECEIPT, asdict(receipt))
    )  # was of a data file that somebody removed
    return receipt


def _agree(store: Store, path: str, data: bytes | memoryview) -> None:
    if not store.create(path, data) and store.read(path) != data:
        store.put(path, data)


def _unit_ids(store: Store) -> Iterator[int]:
    matches = (_SHARD_NAME.fullmatch(name) for name in store.names(DATA))
    return (int(match[1]) for match in matches if match)
