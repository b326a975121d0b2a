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

import numpy as np

from engine.dataset.score_sets import FOLDER as SCORES
from engine.dataset.score_sets import added_score_sets
from engine.dataset.strays import NUMBERED, stray_files
from engine.dataset.verify_unit import ANEW, GONE, RESTORE, Damage, StoredRun, compare, verify_unit
from engine.dataset.views import CHOSEN_VIEW, chosen_view
from engine.errors import Damaged, UsageError
from engine.run.journal import FOLDER as JOURNAL
from engine.storage.extents import Extents, ended_units, read_extents
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
from engine.storage.receipts import (
    DATA,
    Receipt,
    data_path,
    failures_path,
    receipt_path,
)
from engine.storage.store import TMP, Store

_READERS, _MOST_NAMED = 4, 1000
_SEGMENT = re.compile(rf"{FOLDER}/segment-(\d+)\.json")


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


def verify(store: Store) -> Report:
    """Read every file of a run once, and name each that is damaged, missing or misplaced.

    Its library and the scores that were added to it are runs of their own, and are read too.
    """
    inner = (f"{LIBRARY}/", f"{SCORES}/", f"{CHOSEN_VIEW}/")
    sizes = {entry.path: entry.size for entry in store.list() if not entry.path.startswith(inner)}
    leftovers = tuple(sorted(path for path in sizes if path.startswith((f"{TMP}/", f"{JOURNAL}/"))))
    broken, extents = _read_log(store, sizes)
    dataset = StoredRun(store, sizes, extents)
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
    damages: list[Damage] = []
    extents = Extents()
    try:
        extents = read_extents(store)
    except Damaged as error:
        damages.append(Damage(error.where, error.what))
    try:
        damages += _missing_units(sizes, ended_units(store))
    except Damaged as error:
        damages.append(Damage(error.where, error.what, "remove it, then run the command again: it is made anew"))
    if LOCK in sizes:
        try:
            read_lock(store)
        except Damaged as error:
            damages.append(Damage(error.where, error.what))
    return damages, extents


def _missing_units(sizes: Mapping[str, int], units: int) -> Iterator[Damage]:
    """Units of a run that had ended of which there is no data any more, whatever else is gone with it."""
    missing = np.ones(units, np.bool_)
    there = {int(match[1]) for path in sizes if (match := NUMBERED.fullmatch(path)) and path.startswith(f"{DATA}/")}
    missing[[unit_id for unit_id in there if unit_id < units]] = False
    for unit_id in np.flatnonzero(missing)[:_MOST_NAMED].tolist():
        again = f"restore it from a copy, or remove {receipt_path(unit_id)}, {failures_path(unit_id)} {ANEW}"
        yield Damage(data_path(unit_id), GONE, again)
    if (more := int(missing.sum()) - _MOST_NAMED) > 0:
        yield Damage(f"{DATA}/", f"{more:,} more units are missing")


def _summary(dataset: StoredRun) -> Iterator[Damage]:
    if MANIFEST not in dataset.sizes:
        if any(_SEGMENT.fullmatch(path) for path in dataset.sizes):
            yield Damage(MANIFEST, GONE, "run the command again: it is made anew")
        return
    try:
        manifest = read_manifest(dataset.store)
    except Damaged as error:
        yield Damage(MANIFEST, error.what, error.fix)
        return
    for path, hashed in manifest.files.items():
        yield from compare(dataset, path, hashed, RESTORE)
    for segment in manifest.segments:
        for path, hashed in (
            (segment_path(segment.number), segment.blake2b),
            (scores_path(segment.number), segment.scores_blake2b),
        ):
            yield from compare(dataset, path, hashed, f"remove it {ANEW}")


def _strays(dataset: StoredRun) -> Iterator[Damage]:
    for path in stray_files(dataset.sizes):
        yield Damage(path, "is no file of this run, but would be read as one", "move it elsewhere")


def _units(dataset: StoredRun) -> Iterator[Damage]:
    """Every unit of which anything is left, a segment at a time."""
    known = {int(match[1]) for path in dataset.sizes if (match := NUMBERED.fullmatch(path))}
    numbers = {int(match[1]) for path in dataset.sizes if (match := _SEGMENT.fullmatch(path))}
    for number in sorted(numbers | {unit_id // SEGMENT_UNITS for unit_id in known}):
        recorded: dict[int, Receipt] = {}
        if number in numbers:
            try:
                recorded = {receipt.unit_id: receipt for receipt in read_segment(dataset.store, number)}
            except Damaged as error:
                yield Damage(error.where, error.what, f"remove it {ANEW}")
        units = known & set(range(number * SEGMENT_UNITS, (number + 1) * SEGMENT_UNITS)) | set(recorded)
        with ThreadPoolExecutor(_READERS) as pool:
            for damages in pool.map(partial(verify_unit, dataset, recorded), sorted(units)):
                yield from damages
