"""Is one unit still what was committed: its data file, its receipt, its table of failures?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from engine.errors import Damaged
from engine.storage.commits import read_unit_summary
from engine.storage.extents import Extents, wrong_samples
from engine.storage.hashes import digest
from engine.storage.manifest import MANIFEST, SEGMENT_UNITS, segment_path
from engine.storage.parquet import equal_rows
from engine.storage.receipts import Receipt, data_path, failures_path, receipt_path
from engine.storage.store import Store
from engine.storage.unit_summary import derive

GONE, CHANGED = "is missing", "is not what was written: its hash differs"
RESTORE = "restore it from a copy"
ANEW = f"and {MANIFEST}, then run the command again: they are made anew"


@dataclass(frozen=True, slots=True)
class Damage:
    """One file that is not as it was committed: which, what is wrong with it, and how to mend it."""

    path: str
    what: str
    mend: str = RESTORE


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run: its store, the size of every file, and its samples."""

    store: Store
    sizes: Mapping[str, int]
    extents: Extents


def verify_unit(dataset: StoredRun, recorded: Mapping[int, Receipt], unit_id: int) -> list[Damage]:
    """What is wrong with a unit; `recorded` are the receipts that its segment repeats."""
    receipt, rows, damages = _receipt(dataset, recorded.get(unit_id), unit_id)
    again = f"restore it from a copy, or remove it, {receipt_path(unit_id)}, {failures_path(unit_id)} {ANEW}"
    try:
        data = dataset.store.read(data_path(unit_id))
        if receipt and digest(data) != receipt.blake2b:
            return [*damages, Damage(data_path(unit_id), CHANGED, again)]
        derived, failures = derive(data, unit_id)
    except FileNotFoundError:
        return [*damages, Damage(data_path(unit_id), GONE, again)]
    except Damaged as error:
        return [*damages, Damage(data_path(unit_id), f"{error.what} ({error.why})", again)]
    ids = [*derived.rows.column("sample_id").to_pylist(), *(row.sample_id for row in failures)]
    if wrong := wrong_samples(dataset.extents, unit_id, ids):
        damages.append(Damage(data_path(unit_id), wrong, again))
    if (receipt and receipt.counts != derived.receipt.counts) or (
        rows is not None and not equal_rows(rows, derived.rows)
    ):
        damages.append(Damage(receipt_path(unit_id), "has other rows than its data file", f"remove it {ANEW}"))
    return [*damages, *_failures(dataset, receipt or derived.receipt)]


def _receipt(
    dataset: StoredRun, recorded: Receipt | None, unit_id: int
) -> tuple[Receipt | None, pa.Table | None, list[Damage]]:
    """The receipt to believe, the segment's, which the manifest vouches for, before the file's; the file's rows."""
    path, mend = receipt_path(unit_id), f"remove it {ANEW}"
    try:
        stored = read_unit_summary(dataset.store, unit_id)
    except Damaged as error:
        return recorded, None, [Damage(path, error.what, mend)]
    if stored is None:
        return recorded, None, [Damage(path, GONE, mend)] if data_path(unit_id) in dataset.sizes else []
    if recorded and stored.receipt != recorded:
        return recorded, None, [Damage(path, f"differs from {segment_path(unit_id // SEGMENT_UNITS)}", mend)]
    return stored.receipt, stored.rows, []


def _failures(dataset: StoredRun, receipt: Receipt) -> Iterator[Damage]:
    path = failures_path(receipt.unit_id)
    mend = f"remove it, {receipt_path(receipt.unit_id)} {ANEW}"
    if receipt.failures_blake2b:
        yield from compare(dataset, path, receipt.failures_blake2b, mend)
    elif path in dataset.sizes:
        yield Damage(path, "the unit has no failed rows", "move it elsewhere")


def compare(dataset: StoredRun, path: str, hashed: str, mend: str) -> Iterator[Damage]:
    """Whether a file has the hash that it should have."""
    try:
        if digest(dataset.store.read(path)) != hashed:
            yield Damage(path, CHANGED, mend)
    except FileNotFoundError:
        yield Damage(path, GONE, mend)
