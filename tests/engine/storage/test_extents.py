import numpy as np
import pytest

from engine.errors import Damaged, UsageError
from engine.storage.extents import Extent, Extents, extend, extent_path, read_extents, wrong_samples
from engine.storage.open_store import open_store
from tests.support.processes.watched_store import WatchedStore


def cut(*lengths, unit_size=4):
    """Extents of these lengths, one behind the other."""
    extents = Extents()
    for length in lengths:
        start = extents.samples
        added = Extent(start=start, stop=start + length, first_unit=extents.units, unit_size=unit_size)
        extents = Extents((*extents.log, added))
    return extents


def test_units_cover_every_sample_once():
    for lengths in [(12,), (10,), (1,), (10, 3, 8), (4, 4), (5, 1, 1, 9)]:
        extents = cut(*lengths)
        spans = [extents.span(unit_id) for unit_id in range(extents.units)]
        assert [index for start, stop in spans for index in range(start, stop)] == list(range(sum(lengths)))
        assert all(0 < stop - start <= 4 for start, stop in spans)


def test_a_unit_beyond_the_run_has_no_span():
    for unit_id in (-1, 3):
        with pytest.raises(IndexError):
            cut(12).span(unit_id)


def test_fewer_samples_take_the_units_that_cover_them():
    extents = cut(10, 3, 8)
    for samples in range(30):
        units = extents.limit(samples)
        assert sum(stop - start for start, stop in map(extents.span, range(units))) >= min(samples, 21)
        assert units == 0 or extents.span(units - 1)[0] < samples


def test_samples_of_units_counts_short_ones():
    assert cut(10, 3).samples_of(np.array([0, 2, 3])) == 4 + 2 + 3


def test_ten_million_samples_are_one_small_file(tmp_path):
    extents = extend(open_store(str(tmp_path)), 10_000_000, 64)
    assert extents.units == 156_250
    assert extents.span(156_249) == (9_999_936, 10_000_000)
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_samples_may_grow_and_known_units_stay(tmp_path):
    store = open_store(str(tmp_path))
    first = extend(store, 10, 4)
    assert extend(store, 10, 4) == extend(store, 6, 4) == first
    grown = extend(store, 21, 4)
    assert [grown.span(unit_id) for unit_id in range(3)] == [first.span(unit_id) for unit_id in range(3)]
    assert grown.span(3) == (10, 14)
    assert read_extents(store) == grown


def test_another_unit_size_is_refused(tmp_path):
    extend(open_store(str(tmp_path)), 10, 4)
    with pytest.raises(UsageError, match="unit_size: 4 -> 8"):
        extend(open_store(str(tmp_path)), 20, 8)


def test_a_run_that_loses_the_race_adds_the_rest(tmp_path):
    store = open_store(str(tmp_path))

    def outrun(call, path):
        if call == "create" and path == extent_path(0):
            extend(store, 6, 4)

    extents = extend(WatchedStore(store, outrun), 10, 4)
    assert [extents.span(unit_id) for unit_id in range(extents.units)] == [(0, 4), (4, 6), (6, 10)]


def test_a_gap_in_the_log_is_damage(tmp_path):
    store = open_store(str(tmp_path))
    extend(store, 10, 4)
    extend(store, 20, 4)
    store.delete(extent_path(0))
    with pytest.raises(Damaged, match="EXTENTS_BROKEN"):
        read_extents(store)


def test_wrong_samples_are_named():
    extents = cut(10)
    right = [f"{index:010d}" for index in range(4, 8)]
    assert not wrong_samples(extents, 1, right)
    assert "0000000005" in wrong_samples(extents, 1, [right[0], *right[2:]])
    assert "0000000009" in wrong_samples(extents, 1, [*right, "0000000009"])
    assert wrong_samples(extents, 9, right)
    assert not wrong_samples(Extents(), 9, right)
