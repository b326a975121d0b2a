import signal
import time
from typing import final

import numpy as np
import pytest

from engine.dataset.verify import verify
from engine.errors import Damaged, MyCanvasError
from engine.failpoints import NAMES
from engine.rows.composition import Composition
from engine.rows.schema import to_table
from engine.storage.commits import (
    CommittedUnits,
    commit_unit,
    data_files,
    failure_files,
    list_committed,
    read_receipt,
    rebuild_unit_summary,
    receipts,
    unit_summaries,
)
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from engine.storage.receipts import data_path, failures_path, receipt_path
from engine.storage.store import Store
from engine.storage.unit_summary import derive
from tests.support.data.units import COLUMNS, commit, failed, row, unit
from tests.support.data.writers import work


def test_a_unit_is_committed_with_its_failures_and_a_receipt(tmp_path):
    store = open_store(str(tmp_path))
    receipt, won = commit(store, 3, 0, 14)
    assert won
    assert (receipt.rows, receipt.accepted, receipt.rejected, receipt.failed) == (14, 8, 4, 2)
    assert receipt.timings == {"paste": 0.25}
    assert read_receipt(store, 3) == receipt
    assert data_files(store) == [receipt.file]
    with open_shard(store, failure_files(store)[0]) as shard:
        assert [line["code"] for line in shard.read().to_pylist()] == ["IMAGE_UNREADABLE"] * 2


def test_a_unit_without_failures_has_no_failures_file(tmp_path):
    store = open_store(str(tmp_path))
    receipt, _ = commit(store, 0, 0, 4)
    assert receipt.failures_blake2b == ""
    assert failure_files(store) == []


def test_a_unit_of_failures_alone_is_committed(tmp_path):
    store = open_store(str(tmp_path))
    receipt, won = commit_unit(
        store, 0, to_table(Composition, [], COLUMNS), [failed(0, 0), failed(1, 0)], attempt=1, timings={}
    )
    assert won
    assert (receipt.rows, receipt.failed) == (2, 2)


def test_the_second_writer_drops_its_own_work(tmp_path):
    store = open_store(str(tmp_path))
    first, _ = commit(store, 3, 0, 14)
    before = {entry.path: store.read(entry.path) for entry in store.list()}
    table, failures = unit(3, 0, 14)
    other = [failed(line_number, 3, message="other words") for line_number in (6, 13)]
    second, won = commit_unit(store, 3, table, other, attempt=2, timings={})
    assert not won
    assert second == first
    assert failures != other
    assert {entry.path: store.read(entry.path) for entry in store.list()} == before


@final
class Overtaken(Store):
    """A store in which another writer commits the unit while this one is at its data file."""

    def __init__(self, store, rival):
        self.uri, self._store, self._rival = store.uri, store, rival

    def create_from(self, path, write):
        def overtaken(file):
            write(file)
            self._rival()

        return self._store.create_from(path, overtaken)

    def create(self, path, data, *, durable=True):
        return self._store.create(path, data, durable=durable)

    def put(self, path, data):
        self._store.put(path, data)

    def read(self, path):
        return self._store.read(path)

    def read_many(self, paths):
        return self._store.read_many(paths)

    def open(self, path):
        return self._store.open(path)

    def exists(self, path):
        return self._store.exists(path)

    def list(self, folder=""):
        return self._store.list(folder)

    def names(self, folder):
        return self._store.names(folder)

    def delete(self, path):
        self._store.delete(path)


@pytest.mark.parametrize("receipt_is_there", [True, False])
def test_the_loser_of_a_close_race_gets_the_winners_receipt_and_rows(tmp_path, receipt_is_there):
    store = open_store(str(tmp_path))
    first = []

    def rival():
        first.append(commit(store, 3, 0, 14)[0])
        if not receipt_is_there:  # the winner died after its commit
            store.delete(receipt_path(3))

    table, _ = unit(3, 0, 14, size=99)
    other = [failed(number, 3, message="other words") for number in (6, 13)]
    receipt, won = commit_unit(Overtaken(store, rival), 3, table, other, attempt=2, timings={})
    assert not won
    assert receipt.blake2b == first[0].blake2b
    assert read_receipt(store, 3) == receipt
    assert receipt == first[0] or not receipt_is_there
    assert verify(store).ok


@pytest.mark.parametrize(
    ("rows", "failures", "complaint"),
    [
        ([row(0, 3), row(1, 3)], [failed(1, 3)], "twice"),
        ([row(0, 3), row(0, 3)], [], "twice"),
        ([row(0, 3), row(1, 4)], [], "other units"),
        ([row(0, 3)], [failed(1, 4)], "other units"),
        ([Composition(sample_id="0", unit_id=3, seed=1)], [], "neither accepted nor rejected"),
        ([], [], "no rows"),
    ],
)
def test_rows_that_do_not_add_up_are_not_committed(tmp_path, rows, failures, complaint):
    store = open_store(str(tmp_path))
    with pytest.raises(MyCanvasError, match=complaint):
        commit_unit(store, 3, to_table(Composition, rows, COLUMNS), failures, attempt=1, timings={})
    assert list(store.list()) == []


def test_what_is_derived_is_rebuilt_from_the_data_file(tmp_path):
    store = open_store(str(tmp_path))
    first, _ = commit(store, 3, 0, 14)
    failures = store.read(failures_path(3))
    store.delete(failures_path(3))
    store.delete(receipt_path(3))
    assert [receipt.blake2b for receipt in receipts(store)] == [first.blake2b]
    assert not store.exists(receipt_path(3)), "reading must not write"
    rebuilt = rebuild_unit_summary(store, 3).receipt
    assert (rebuilt.attempt, rebuilt.timings) == (0, {})
    assert (rebuilt.rows, rebuilt.failed, rebuilt.blake2b) == (first.rows, first.failed, first.blake2b)
    assert store.read(failures_path(3)) == failures
    assert rebuild_unit_summary(store, 3).receipt == read_receipt(store, 3) == rebuilt


@pytest.mark.parametrize("torn", [b"", b"half", None])
def test_a_receipt_that_a_power_cut_tore_is_made_anew(tmp_path, torn):
    store = open_store(str(tmp_path))
    first, _ = commit(store, 3, 0, 14)
    good = store.read(receipt_path(3))
    store.put(receipt_path(3), good[: len(good) // 2] if torn is None else torn)
    ((receipt, rows),) = ((each.receipt, each.rows) for each in unit_summaries(store, [3], restore=False))
    assert receipt.blake2b == first.blake2b
    assert [receipt.blake2b for receipt in receipts(store)] == [first.blake2b]
    assert [damage.path for damage in verify(store).damage] == [receipt_path(3)]
    assert rebuild_unit_summary(store, 3).rows.equals(rows)
    assert read_receipt(store, 3).counts == first.counts
    assert verify(store).ok


def test_a_torn_receipt_is_no_obstacle_to_who_comes_second(tmp_path):
    store = open_store(str(tmp_path))
    first, _ = commit(store, 3, 0, 14)
    store.put(receipt_path(3), b"")
    second, won = commit(store, 3, 0, 14)
    assert (second.blake2b, second.counts, won) == (first.blake2b, first.counts, False)
    assert verify(store).ok


def test_a_unit_that_is_made_again_replaces_what_was_derived_from_the_lost_one(tmp_path):
    store = open_store(str(tmp_path))
    commit(store, 3, 0, 14)
    store.delete(data_path(3))
    table, _ = unit(3, 0, 14, size=99)
    other = [failed(number, 3, message="other words") for number in (6, 13)]
    receipt, won = commit_unit(store, 3, table, other, attempt=1, timings={})
    assert won
    assert read_receipt(store, 3) == receipt
    assert verify(store).ok


def test_a_data_file_under_anothers_name_is_damage(tmp_path):
    store = open_store(str(tmp_path))
    commit(store, 3, 0, 14)
    with pytest.raises(Damaged, match="other units"):
        derive(store.read(data_path(3)), 4)


def test_committed_units_are_counted_and_missing_ones_found(tmp_path):
    store = open_store(str(tmp_path))
    for unit_id in (0, 7, 8, 20, 100_000_000):
        store.put(data_path(unit_id), b"")
    store.put("data/part-0000007.parquet", b"")
    store.put("data/notes.txt", b"")
    done = list_committed(store, 22)
    assert done.count == 4
    assert done.ids().tolist() == [0, 7, 8, 20]
    assert [unit_id for unit_id in range(-2, 30) if unit_id in done] == [0, 7, 8, 20]
    for start in range(23):
        for stop in range(26):
            assert done.missing(start, stop).tolist() == [
                u for u in range(start, min(stop, 22)) if u not in (0, 7, 8, 20)
            ]
    assert done.missing().size == 18
    assert data_files(store)[-1] == "data/part-100000000.parquet"


def test_an_empty_folder_has_nothing_committed(tmp_path):
    done = list_committed(open_store(str(tmp_path)))
    assert (done.units, done.count, done.missing().tolist(), done.ids().tolist()) == (0, 0, [], [])


def test_ten_million_units_take_a_megabyte_and_no_time():
    done = CommittedUnits(10_000_000, np.packbits(np.arange(10_000_000) % 2 == 0))
    before = time.process_time()
    assert done.bits.nbytes == 1_250_000
    assert done.count == 5_000_000
    assert done.missing(9_000_000, 9_000_010).tolist() == [9_000_001, 9_000_003, 9_000_005, 9_000_007, 9_000_009]
    assert time.process_time() - before < 0.2


def stored(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*.*")
        if path.is_file() and path.parent.name in ("data", "failures", "scores")
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert work(folder) == 0
    return stored(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_crash_at_every_named_point_loses_and_doubles_nothing(tmp_path, undisturbed, name):
    nth = 5 if name in ("after_tmp_write", "after_fsync", "before_link", "after_link") else 1
    assert work(tmp_path, f"{name}:{nth}") == -signal.SIGKILL
    assert work(tmp_path) == 0
    report = verify(open_store(str(tmp_path)))
    assert report.ok, report.damage
    assert report.leftovers == ()
    assert stored(tmp_path) == undisturbed
