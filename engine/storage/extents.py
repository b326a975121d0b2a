"""How many samples a run has, and which of them a unit holds: a log that only grows, so ``--samples`` may grow too.

Every file of ``_extents/`` adds samples behind those of the file before it. Units are cut inside one extent, so a run
that is extended keeps all units that it has; the last unit of an extent may be short.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import Damaged, UsageError
from engine.failpoints import reach
from engine.limits import MAX_UNITS, how_to_raise, limit_below
from engine.seeds import sample_id
from engine.storage.hashes import seal, unseal
from engine.storage.store import Store

FOLDER, ENDED = "_extents", "_ended"
_EXTENT = "extent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Samples ``start <= index < stop``, cut into units numbered from `first_unit`."""

    start: int
    stop: int
    first_unit: int
    unit_size: int

    @property
    def units(self) -> int:
        """How many units the extent is cut into."""
        return -(-(self.stop - self.start) // self.unit_size)

    def units_for(self, samples: int) -> int:
        """How many of the extent's units hold the samples before `samples`."""
        return -(-max(0, min(samples, self.stop) - self.start) // self.unit_size)


@dataclass(frozen=True, slots=True)
class Extents:
    """All extents of a run, in order."""

    log: tuple[Extent, ...] = ()

    @property
    def samples(self) -> int:
        """How many samples the run has."""
        return self.log[-1].stop if self.log else 0

    @property
    def units(self) -> int:
        """How many units the run has; they are numbered from 0."""
        return self.log[-1].first_unit + self.log[-1].units if self.log else 0

    def span(self, unit_id: int) -> tuple[int, int]:
        """The indices ``start <= index < stop`` of a unit's samples."""
        if not 0 <= unit_id < self.units:
            raise IndexError(unit_id)
        extent = self.log[bisect_right(self.log, unit_id, key=lambda item: item.first_unit) - 1]
        start = extent.start + (unit_id - extent.first_unit) * extent.unit_size
        return start, min(start + extent.unit_size, extent.stop)

    def unit_of(self, index: int) -> int:
        """The unit that holds a sample."""
        if not 0 <= index < self.samples:
            raise IndexError(index)
        extent = self.log[bisect_right(self.log, index, key=lambda item: item.start) - 1]
        return extent.first_unit + (index - extent.start) // extent.unit_size

    def samples_of(self, unit_ids: NDArray[np.int64]) -> int:
        """How many samples the units hold together; only the last unit of an extent may be short."""
        total = 0
        for extent in self.log:
            last = extent.first_unit + extent.units - 1
            inside = (unit_ids >= extent.first_unit) & (unit_ids <= last)
            short = extent.units * extent.unit_size - (extent.stop - extent.start)
            total += int(inside.sum()) * extent.unit_size - short * int((unit_ids == last).sum())
        return total

    def limit(self, samples: int) -> int:
        """How many units, from 0, cover the first `samples` samples: for a run that asks for fewer than there are."""
        return sum(extent.units_for(samples) for extent in self.log)


def extend(store: Store, samples: int, unit_size: int) -> Extents:
    """Make the run at least `samples` long. Another run may do the same at the same time; both get the same answer.

    Raises:
        UsageError: RUN_CHANGED, when the run is cut into units of another size.
        Damaged: as `read_extents`.
    """
    while True:
        extents = read_extents(store)
        if extents.log and extents.log[0].unit_size != unit_size:
            raise UsageError(
                "RUN_CHANGED",
                f"unit_size: {extents.log[0].unit_size} -> {unit_size}",
                where=store.uri,
                fix=f"--set unit_size={extents.log[0].unit_size}, or another --out",
            )
        if samples <= extents.samples:
            return extents
        added = Extent(start=extents.samples, stop=samples, first_unit=extents.units, unit_size=unit_size)
        if store.create(extent_path(len(extents.log)), seal(_EXTENT, asdict(added))):
            reach("after_extent")


def read_extents(store: Store) -> Extents:
    """The extents as they are now; none for a folder that holds no run.

    Raises:
        Damaged: EXTENTS_BROKEN, when one is missing or does not follow the one before it; SEAL_BROKEN.
    """
    names = sorted(store.names(FOLDER))
    extents = Extents()
    for number, name in enumerate(names):
        path = f"{FOLDER}/{name}"
        extent = Extent(**unseal(store.read(path), _EXTENT, where=path))
        if path != extent_path(number) or (extent.start, extent.first_unit) != (extents.samples, extents.units):
            raise Damaged("EXTENTS_BROKEN", "does not follow the extent before it", where=path)
        extents = Extents((*extents.log, extent))
    return extents


def mark_ended(store: Store, units: int) -> None:
    """Write down that all of the first `units` units were committed: one that is not there later is gone."""
    store.create(ended_path(units), seal(ENDED, {"units": units}))


def ended_units(store: Store) -> int:
    """How many units, from 0, a run had when it last ended with all of them; 0 if it never did.

    Raises:
        Damaged: SEAL_BROKEN, UNITS_LIMIT.
    """
    most = 0
    for name in store.names(ENDED):
        path = f"{ENDED}/{name}"
        units = int(unseal(store.read(path), ENDED, where=path)["units"])
        if limit := limit_below(MAX_UNITS, units):
            what = f"{units:,} units, more than {limit:,}"
            raise Damaged("UNITS_LIMIT", what, where=path, fix=how_to_raise(MAX_UNITS, units))
        most = max(most, units)
    return most


def wrong_samples(extents: Extents, unit_id: int, sample_ids: Collection[str]) -> str:
    """What contradicts the extents in a unit that holds these samples; empty if nothing, or if there are no extents."""
    if not extents.log:
        return ""
    if unit_id >= extents.units:
        return "the run has no such unit"
    expected = {sample_id(index) for index in range(*extents.span(unit_id))}
    if lost := sorted(expected.difference(sample_ids)):
        return f"lacks samples: {lost[:5]}"
    strangers = sorted(set(sample_ids) - expected)
    return f"holds samples of other units: {strangers[:5]}" if strangers else ""


def extent_path(number: int) -> str:
    """Where the extent with this number, from 0, is."""
    return f"{FOLDER}/{number:05d}.json"


def ended_path(units: int) -> str:
    """Where it is written that a run of so many units had ended."""
    return f"{ENDED}/{units:08d}.json"
