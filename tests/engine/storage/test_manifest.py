import json

import pytest

from engine.dataset.verify import verify
from engine.errors import Damaged
from engine.storage import manifest as module
from engine.storage.commits import data_files
from engine.storage.extents import extend
from engine.storage.manifest import MANIFEST, read_manifest, read_segment, scores_path, segment_path, write_manifest
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from engine.storage.receipts import data_path, failures_path, receipt_path
from tests.support.data.units import commit, make_run
from tests.support.processes.watched_store import WatchedStore


@pytest.fixture(autouse=True)
def small_segments(monkeypatch):
    """Two units a segment instead of a thousand."""
    monkeypatch.setattr(module, "SEGMENT_UNITS", 2)
    monkeypatch.setattr("engine.dataset.verify.SEGMENT_UNITS", 2)


def test_a_run_is_summarised(tmp_path):
    store = open_store(str(tmp_path))
    make_run(store, samples=18)
    manifest = read_manifest(store)
    assert manifest.totals["rows"] == 18
    assert manifest.totals["rows"] == sum(manifest.totals[name] for name in ("accepted", "rejected", "failed"))
    assert [(segment.number, segment.units) for segment in manifest.segments] == [(0, 2), (1, 2), (2, 1)]
    assert [receipt.unit_id for receipt in read_segment(store, 1)] == [2, 3]
    assert set(manifest.files) == {
        "README.md",
        "_ended/00000005.json",
        "_extents/00000.json",
        "backgrounds.jsonl",
        "run.lock.json",
    }
    assert "caption: string" in manifest.schema


def test_scores_have_every_row_that_was_made_and_no_pixels(tmp_path):
    store = open_store(str(tmp_path))
    make_run(store, samples=18)
    rows = []
    for number in range(3):
        with open_shard(store, scores_path(number)) as shard:
            rows += shard.read().to_pylist()
    assert [int(row["sample_id"]) for row in rows] == [index for index in range(18) if index % 7 != 6]
    assert "image" not in rows[0]
    assert "mask" not in rows[0]["objects"][0]
    assert rows[0]["objects"][0]["identity_psnr"] == 41.5


def content(store, *folders):
    return {entry.path: store.read(entry.path) for folder in folders or ("",) for entry in store.list(folder)}


def spoil(store, paths):
    """Whoever reads one of these files fails."""
    for path in paths:
        store.put(path, b"not to be read")


def remove_summary(store):
    for folder in ("_manifest", "scores"):
        for entry in list(store.list(folder)):
            store.delete(entry.path)


def test_doing_it_again_changes_and_reads_nothing(tmp_path):
    store = open_store(str(tmp_path))
    make_run(store, samples=18)
    spoil(store, [*data_files(store)[1:], *(receipt_path(unit_id) for unit_id in range(5))])
    before = content(store)
    write_manifest(store)
    assert content(store) == before


def test_a_card_is_recorded_without_summarising_again(tmp_path):
    store = open_store(str(tmp_path))
    make_run(store, samples=18)
    before = read_manifest(store)
    spoil(store, [*data_files(store)[1:], *(receipt_path(unit_id) for unit_id in range(5))])
    store.put("README.md", b"another card")
    write_manifest(store)
    after = read_manifest(store)
    assert (after.segments, after.totals) == (before.segments, before.totals)
    assert {path for path in after.files if after.files[path] != before.files[path]} == {"README.md"}


def test_the_summary_is_made_of_receipts_alone(tmp_path):
    """But for the footer of the first shard, of which it has the schema."""
    store = open_store(str(tmp_path))
    make_run(store, samples=18)
    before = content(store, "_manifest", "scores")
    remove_summary(store)
    spoil(store, data_files(store)[1:])
    write_manifest(store)
    assert content(store, "_manifest", "scores") == before


@pytest.mark.parametrize("lost", [[0, 1, 2, 3, 4], [1, 4], [2]])
def test_scores_made_of_shards_are_those_made_of_receipts(tmp_path, lost):
    """What an interrupted commit, a power cut or another version left without receipts is summarised all the same."""
    store = open_store(str(tmp_path))
    make_run(store, samples=18)
    before = content(store, "scores")
    remove_summary(store)
    for unit_id in lost:
        store.delete(receipt_path(unit_id))
    write_manifest(store)
    assert content(store, "scores") == before
    assert verify(store).ok


def test_a_run_that_grows_reads_only_what_is_new(tmp_path):
    store = open_store(str(tmp_path))
    make_run(store, samples=18)
    extents = extend(store, 26, 4)
    for unit_id in range(5, extents.units):
        commit(store, unit_id, *extents.span(unit_id))
    whole = [receipt_path(unit_id) for unit_id in range(4)]
    kept = {path: store.read(path) for path in whole}
    spoil(store, whole)
    write_manifest(store)
    assert [segment.units for segment in read_manifest(store).segments] == [2, 2, 2, 1]
    for path, data in kept.items():
        store.put(path, data)
    assert verify(store).ok


def test_what_a_crash_left_out_is_restored(tmp_path):
    store = open_store(str(tmp_path))
    make_run(store, samples=18)
    for path in (failures_path(1), receipt_path(1), MANIFEST):
        store.delete(path)
    write_manifest(store)
    assert store.exists(failures_path(1))
    assert store.exists(receipt_path(1))
    assert verify(store).ok


@pytest.mark.parametrize("path", [segment_path(0), scores_path(0), segment_path(2), scores_path(2)])
def test_a_stale_part_of_another_runs_summary_is_written_again(tmp_path, path):
    """As when a run that ends late has written over the summary of one that saw more."""
    store = open_store(str(tmp_path))
    make_run(store, samples=18)
    store.put(path, store.read(path)[:-5])
    write_manifest(store)
    assert verify(store).ok


def test_units_that_arrive_while_we_summarise_are_summarised_too(tmp_path):
    store = open_store(str(tmp_path))
    make_run(store, samples=18)
    extents = extend(store, 20, 4)

    def late(call, path):
        if (call, path) == ("put", MANIFEST) and not store.exists(data_path(5)):
            commit(store, 5, *extents.span(5))

    write_manifest(WatchedStore(store, late))
    assert read_manifest(store).totals["rows"] == 20
    assert verify(store).ok


def test_a_damaged_manifest_is_no_obstacle_to_a_new_one(tmp_path):
    store = open_store(str(tmp_path))
    make_run(store)
    store.put(MANIFEST, b"{}")
    with pytest.raises(Damaged):
        read_manifest(store)
    write_manifest(store)
    assert verify(store).ok


def test_a_swapped_segment_is_noticed(tmp_path):
    store = open_store(str(tmp_path))
    make_run(store, samples=18)
    store.put(segment_path(0), store.read(segment_path(1)))
    with pytest.raises(Damaged, match="SEGMENT_SWAPPED"):
        read_segment(store, 0)


def test_an_empty_run_has_an_empty_summary(tmp_path):
    store = open_store(str(tmp_path))
    write_manifest(store)
    assert read_manifest(store).totals == {"rows": 0, "accepted": 0, "rejected": 0, "failed": 0, "bytes": 0}
    assert json.loads(store.read(MANIFEST))["format"] == "mycanvas manifest 1"
