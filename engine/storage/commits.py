"""The commit of a unit: one data file that appears whole under a name that depends on the unit alone.

The data file is the truth and is enough: it carries the unit's failed rows in its schema metadata. The table of
failures and the receipt, in whose file are the rows without pixels, are derived from it, for those who want to read
them cheaply, and are written after it; a crash in between loses neither. Two writers of a unit may have different
failures; whoever creates the data file decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.errors import Damaged, MyCanvasError
from engine.failpoints import reach
from engine.limits import MAX_UNITS, how_to_raise, limit_below
from engine.storage.receipts import (
    DATA,
    FAILURES,
    FailedRow,
    Receipt,
    data_path,
    failures_bytes,
    failures_path,
    fault,
    receipt_path,
    tally,
    write_data,
)
from engine.storage.slim_rows import slim_rows
from engine.storage.store import Store
from engine.storage.unit_summary import UnitSummary, derive, pack_summary, unpack_summary

__all__ = [
    "CommittedUnits",
    "FailedRow",
    "Receipt",
    "commit_unit",
    "data_files",
    "failure_files",
    "list_committed",
    "read_receipt",
    "read_unit_summary",
    "rebuild_unit_summary",
    "receipts",
    "unit_summaries",
]

_AT_ONCE = 1000  # receipts in memory, some 0.1 MB each
_MAKERS = 8  # threads that read data files where receipts are missing
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
    """One listing of ``data/``; units from `units` on are left out.

    Raises:
        Damaged: UNITS_LIMIT for a file of a number that no dataset reaches.
    """
    found = np.fromiter(_unit_ids(store), np.int64)
    units = int(found.max(initial=-1)) + 1 if units is None else units
    if limit := limit_below(MAX_UNITS, units):
        what = f"{units:,} units by the number of the last file, more than {limit:,}"
        raise Damaged("UNITS_LIMIT", what, where=store.uri, fix=how_to_raise(MAX_UNITS, units))
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
    """The receipt of every committed unit, in unit order; one that is missing or broken is derived, and not stored."""
    return (summary.receipt for summary in unit_summaries(store, sorted(_unit_ids(store)), restore=False))


def unit_summaries(store: Store, unit_ids: Sequence[int], *, restore: bool) -> Iterator[UnitSummary]:
    """Receipts and rows without pixels of committed units, in the order of `unit_ids`.

    Those that are missing or broken are derived from the data file; with `restore` they are stored too, and the table
    of failures.

    Raises:
        Damaged: as `derive`.
    """
    make = rebuild_unit_summary if restore else _derive
    for start in range(0, len(unit_ids), _AT_ONCE):
        ids = unit_ids[start : start + _AT_ONCE]
        stored = store.read_many([receipt_path(unit_id) for unit_id in ids])
        found = {unit_id: _unpack(packed, unit_id) for unit_id, packed in zip(ids, stored, strict=True)}
        lacking = [unit_id for unit_id, summary in found.items() if summary is None]
        with ThreadPoolExecutor(_MAKERS) as pool:
            made = dict(zip(lacking, pool.map(partial(make, store), lacking), strict=True))
        yield from (found[unit_id] or made[unit_id] for unit_id in ids)


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
    written = store.create_from(data_path(unit_id), partial(write_data, table, failures))
    if written is None:
        return rebuild_unit_summary(store, unit_id).receipt, False
    reach("after_data")
    receipt = tally(unit_id, table, failures, size=written.size, blake2b=written.blake2b)
    receipt = replace(receipt, attempt=attempt, timings=dict(timings))
    return _settle(store, UnitSummary(receipt, slim_rows(table)), failures).receipt, True


def read_receipt(store: Store, unit_id: int) -> Receipt | None:
    """The stored receipt of a unit; None where there is none. Raises as `read_unit_summary`."""
    summary = read_unit_summary(store, unit_id)
    return summary.receipt if summary else None


def read_unit_summary(store: Store, unit_id: int) -> UnitSummary | None:
    """The stored receipt and rows without pixels of a unit; None where there are none.

    Raises:
        Damaged: SEAL_BROKEN, RECEIPT_SWAPPED for another unit's, SHARD_FOREIGN.
    """
    packed = _read(store, unit_id)
    return None if packed is None else unpack_summary(packed, unit_id)


def rebuild_unit_summary(store: Store, unit_id: int) -> UnitSummary:
    """The receipt and rows without pixels of a committed unit.

    Where they are missing or broken they are made from the data file and stored, its table of failures too: a power
    cut may take a receipt, as nobody waits for the disk there.
    """
    whole = _unpack(_read(store, unit_id), unit_id)
    return whole or _settle(store, *derive(store.read(data_path(unit_id)), unit_id))


def _derive(store: Store, unit_id: int) -> UnitSummary:
    return derive(store.read(data_path(unit_id)), unit_id)[0]


def _read(store: Store, unit_id: int) -> bytes | None:
    try:
        return store.read(receipt_path(unit_id))
    except FileNotFoundError:
        return None


def _unpack(packed: bytes | None, unit_id: int) -> UnitSummary | None:
    """A stored summary; None where there is none, or a broken one."""
    with suppress(Damaged):
        return None if packed is None else unpack_summary(packed, unit_id)
    return None


def _settle(store: Store, summary: UnitSummary, failures: Sequence[FailedRow]) -> UnitSummary:
    """Write what is derived from a data file; the receipt last, so that who sees it finds the failures too."""
    unit_id = summary.receipt.unit_id
    if failures:
        _agree(store, failures_path(unit_id), failures_bytes(failures))
        reach("after_failures")
    packed = pack_summary(summary)
    if store.create(receipt_path(unit_id), packed, durable=False):
        reach("after_receipt")
        return summary
    stored = _unpack(_read(store, unit_id), unit_id)
    if stored and stored.receipt.blake2b == summary.receipt.blake2b:
        return stored
    store.put(receipt_path(unit_id), packed)  # it was broken, or of a data file that somebody removed
    return summary


def _agree(store: Store, path: str, data: bytes | memoryview) -> None:
    if not store.create(path, data) and store.read(path) != data:
        store.put(path, data)


def _unit_ids(store: Store) -> Iterator[int]:
    matches = (_SHARD_NAME.fullmatch(name) for name in store.names(DATA))
    return (int(match[1]) for match in matches if match)
