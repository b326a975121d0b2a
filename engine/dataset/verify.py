"""Is every byte still what was committed? Each file is held against a hash that lies in another file, or in itself.

Lock, extents, receipts, segments and manifest carry their own. A receipt has those of its data file and failures, a
segment repeats its receipts, and the manifest has those of segments, scores, lock, extents, card and library.
The ids of a unit's rows must be those that the extents give to it, and the rows in a receipt those of the data file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from engine.dataset.score_sets import FOLDER as SCORES
from engine.dataset.score_sets import added_score_sets
from engine.dataset.strays import NUMBERED, stray_files
from engine.dataset.views import CHOSEN_VIEW, chosen_view
from engine.errors import Damaged, UsageError
from engine.run.journal import FOLDER as JOURNAL
from engine.storage.commits import read_unit_summary
from engine.storage.extents import Extents, read_extents, wrong_samples
from engine.storage.hashes import digest
from engine.storage.lock import LOCK, read_lock
from engine.storage.manifest import (
    FOLDER,
    LIBRARY,
    MANIFEST,
    SEGMENT_UNITS,
    read_manifest,
    read_segment,
    scores_path,
    segment_path,
)
from engine.storage.open_store import open_store
from engine.storage.parquet import equal_rows
from engine.storage.receipts import (
    DATA,
    Receipt,
    data_path,
    failures_path,
    receipt_path,
)
from engine.storage.store import TMP, Store
from engine.storage.unit_summary import derive

_READERS = 4
_SEGMENT = re.compile(rf"{FOLDER}/segment-(\d+)\.json")
_GONE, _CHANGED = "is missing", "is not what was written: its hash differs"
_RESTORE = "restore it from a copy"
_ANEW = f"and {MANIFEST}, then run the command again: they are made anew"


@dataclass(frozen=True, slots=True)
class Damage:
    """One file that is not as it was committed: which, what is wrong with it, and how to mend it."""

    path: str
    what: str
    mend: str = _RESTORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `verify` found. `leftovers` are unfinished files, of writers at work or killed: no damage."""

    damage: tuple[Damage, ...]
    leftovers: tuple[str, ...]
    files: int
    bytes: int
    units: int

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage


@dataclass(frozen=True, slots=True)
class _Dataset:
    store: Store
    sizes: Mapping[str, int]
    extents: Extents


def verify(store: Store) -> Report:
    """Read every file of a run once, and name each that is damaged, missing or misplaced.

    Its library and the scores that were added to it are runs of their own, and are read too.
    """
    inner = (f"{LIBRARY}/", f"{SCORES}/", f"{CHOSEN_VIEW}/")
    sizes = {entry.path: entry.size for entry in store.list() if not entry.path.startswith(inner)}
    leftovers = tuple(sorted(path for path in sizes if path.startswith((f"{TMP}/", f"{JOURNAL}/"))))
    broken, extents = _read_log(store, sizes)
    dataset = _Dataset(store, sizes, extents)
    found = [*broken, *_summary(dataset), *_strays(dataset), *_units(dataset)]
    first = {damage.path: damage for damage in reversed(found)}
    own = Report(
        damage=tuple(sorted(first.values(), key=lambda item: item.path)),
        leftovers=leftovers,
        files=len(sizes) - len(leftovers),
        bytes=sum(sizes.values()),
        units=sum(path.startswith(f"{DATA}/") for path in sizes),
    )
    added = {"/".join(entry.path.split("/")[:2]) for entry in store.list(SCORES) if entry.path.count("/") > 1}
    for folder in (LIBRARY, *sorted(added)):
        own = _with(own, store, folder)
    for look in (added_score_sets, chosen_view):
        try:
            own = replace(own, files=own.files + sum(1 for _ in look(store)))
        except (Damaged, UsageError) as error:
            own = replace(own, damage=(*own.damage, Damage(error.where, error.what, error.fix)))
    return own


def _with(own: Report, store: Store, folder: str) -> Report:
    """A report with that of a run inside it."""
    if next(store.list(folder), None) is None:
        return own
    inner = verify(open_store(f"{store.uri}/{folder}"))
    below = [replace(item, path=f"{folder}/{item.path}") for item in inner.damage]
    return Report(
        damage=(*own.damage, *(item for item in below if item.path not in {known.path for known in own.damage})),
        leftovers=(*own.leftovers, *(f"{folder}/{path}" for path in inner.leftovers)),
        files=own.files + inner.files,
        bytes=own.bytes + inner.bytes,
        units=own.units + inner.units,
    )


def _read_log(store: Store, sizes: Mapping[str, int]) -> tuple[list[Damage], Extents]:
    """The lock and the extents: what a run must have before it has anything else."""
    damages = []
    extents = Extents()
    try:
        extents = read_extents(store)
    except Damaged as error:
        damages.append(Damage(error.where, error.what))
    if LOCK in sizes:
        try:
            read_lock(store)
        except Damaged as error:
            damages.append(Damage(error.where, error.what))
    return damages, extents


def _summary(dataset: _Dataset) -> Iterator[Damage]:
    if MANIFEST not in dataset.sizes:
        if any(_SEGMENT.fullmatch(path) for path in dataset.sizes):
            yield Damage(MANIFEST, _GONE, "run the command again: it is made anew")
        return
    try:
        manifest = read_manifest(dataset.store)
    except Damaged as error:
        yield Damage(MANIFEST, error.what, error.fix)
        return
    for path, hashed in manifest.files.items():
        yield from _compare(dataset, path, hashed, _RESTORE)
    for segment in manifest.segments:
        for path, hashed in (
            (segment_path(segment.number), segment.blake2b),
            (scores_path(segment.number), segment.scores_blake2b),
        ):
            yield from _compare(dataset, path, hashed, f"remove it {_ANEW}")


def _compare(dataset: _Dataset, path: str, hashed: str, mend: str) -> Iterator[Damage]:
    try:
        if digest(dataset.store.read(path)) != hashed:
            yield Damage(path, _CHANGED, mend)
    except FileNotFoundError:
        yield Damage(path, _GONE, mend)


def _strays(dataset: _Dataset) -> Iterator[Damage]:
    for path in stray_files(dataset.sizes):
        yield Damage(path, "is no file of this run, but would be read as one", "move it elsewhere")


def _units(dataset: _Dataset) -> Iterator[Damage]:
    """Every unit of which anything is left, a segment at a time."""
    known = {int(match[1]) for path in dataset.sizes if (match := NUMBERED.fullmatch(path))}
    numbers = {int(match[1]) for path in dataset.sizes if (match := _SEGMENT.fullmatch(path))}
    for number in sorted(numbers | {unit_id // SEGMENT_UNITS for unit_id in known}):
        recorded: dict[int, Receipt] = {}
        if number in numbers:
            try:
                recorded = {receipt.unit_id: receipt for receipt in read_segment(dataset.store, number)}
            except Damaged as error:
                yield Damage(error.where, error.what, f"remove it {_ANEW}")
        units = known & set(range(number * SEGMENT_UNITS, (number + 1) * SEGMENT_UNITS)) | set(recorded)
        with ThreadPoolExecutor(_READERS) as pool:
            for damages in pool.map(partial(_unit, dataset, recorded), sorted(units)):
                yield from damages


def _unit(dataset: _Dataset, recorded: Mapping[int, Receipt], unit_id: int) -> list[Damage]:
    receipt, rows, damages = _receipt(dataset, recorded.get(unit_id), unit_id)
    again = f"restore it from a copy, or remove it, {receipt_path(unit_id)}, {failures_path(unit_id)} {_ANEW}"
    try:
        data = dataset.store.read(data_path(unit_id))
        if receipt and digest(data) != receipt.blake2b:
            return [*damages, Damage(data_path(unit_id), _CHANGED, again)]
        derived, failures = derive(data, unit_id)
    except FileNotFoundError:
        return [*damages, Damage(data_path(unit_id), _GONE, again)]
    except Damaged as error:
        return [*damages, Damage(data_path(unit_id), f"{error.what} ({error.why})", again)]
    ids = [*derived.rows.column("sample_id").to_pylist(), *(row.sample_id for row in failures)]
    if wrong := wrong_samples(dataset.extents, unit_id, ids):
        damages.append(Damage(data_path(unit_id), wrong, again))
    if (receipt and receipt.counts != derived.receipt.counts) or (
        rows is not None and not equal_rows(rows, derived.rows)
    ):
        damages.append(Damage(receipt_path(unit_id), "has other rows than its data file", f"remove it {_ANEW}"))
    return [*damages, *_failures(dataset, receipt or derived.receipt)]


def _receipt(
    dataset: _Dataset, recorded: Receipt | None, unit_id: int
) -> tuple[Receipt | None, pa.Table | None, list[Damage]]:
    """The receipt to believe, the segment's, which the manifest vouches for, before the file's; the file's rows."""
    path, mend = receipt_path(unit_id), f"remove it {_ANEW}"
    try:
        stored = read_unit_summary(dataset.store, unit_id)
    except Damaged as error:
        return recorded, None, [Damage(path, error.what, mend)]
    if stored is None:
        return recorded, None, [Damage(path, _GONE, mend)] if data_path(unit_id) in dataset.sizes else []
    if recorded and stored.receipt != recorded:
        return recorded, None, [Damage(path, f"differs from {segment_path(unit_id // SEGMENT_UNITS)}", mend)]
    return stored.receipt, stored.rows, []


def _failures(dataset: _Dataset, receipt: Receipt) -> Iterator[Damage]:
    path = failures_path(receipt.unit_id)
    mend = f"remove it, {receipt_path(receipt.unit_id)} {_ANEW}"
    if receipt.failures_blake2b:
        yield from _compare(dataset, path, receipt.failures_blake2b, mend)
    elif path in dataset.sizes:
        yield Damage(path, "the unit has no failed rows", "move it elsewhere")
