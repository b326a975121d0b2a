import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from engine.dataset.verify import verify
from engine.storage.commits import commit_unit, read_unit_summary
from engine.storage.manifest import MANIFEST, write_manifest
from engine.storage.open_store import open_store
from engine.storage.receipts import data_path, failures_path, receipt_path
from engine.storage.unit_summary import pack_summary
from tests.support.data.units import commit, make_run, unit

FLIPS = 130
UNITS = (0, 1, 1000, 1002, 2000, 2001)  # a thousand a segment
SAMPLES = 4 * 2002


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of six units in three segments with a library of two, all finished."""
    folder = tmp_path_factory.mktemp("finished")
    make_run(open_store(str(folder / "library")), samples=8, size=400)
    make_run(open_store(str(folder)), samples=SAMPLES, size=300, units=UNITS)
    return folder


@pytest.fixture
def run(tmp_path, finished):
    """A copy of it, to be damaged."""
    shutil.copytree(finished, tmp_path / "run")
    return open_store(str(tmp_path / "run"))


def kind(path):
    """The kind of a stored file: its folder, or its own name."""
    *folders, name = path.split("/")
    return "/".join(folders) if folders and name.startswith(("part", "0", "segment")) else path


def named(report):
    return [damage.path for damage in report.damage]


def test_a_sound_run_has_no_damage(run):
    report = verify(run)
    assert report.ok, report.damage
    assert report.units == 6 + 2
    assert report.files == sum(1 for _ in run.list())
    assert report.leftovers == ()


def test_every_flipped_bit_is_found_and_its_file_named(run):
    paths = {}
    for entry in sorted(run.list(), key=lambda entry: entry.path):
        paths.setdefault(kind(entry.path), []).append(entry.path)
    assert len(paths) == 21, sorted(paths)
    rng = np.random.default_rng(11)
    found, tried = Counter(), Counter()
    for number in range(FLIPS):
        group = sorted(paths)[number % len(paths)]
        path = paths[group][rng.integers(len(paths[group]))]
        good = run.read(path)
        bad = bytearray(good)
        bad[rng.integers(len(bad))] ^= 1 << rng.integers(8)
        run.put(path, bytes(bad))
        tried[group] += 1
        found[group] += path in named(verify(run))
        run.put(path, good)
    assert found == tried
    assert verify(run).ok


def test_every_missing_or_truncated_file_is_named(run):
    for path in sorted(entry.path for entry in run.list()):
        good = run.read(path)
        run.delete(path)
        missing = named(verify(run))
        run.put(path, good[: len(good) // 2])
        truncated = named(verify(run))
        run.put(path, good)
        assert path in missing
        assert path in truncated
    assert verify(run).ok


def test_two_swapped_files_are_both_named(run):
    pairs = [
        (data_path(0), data_path(1000)),
        (receipt_path(0), receipt_path(1000)),
        (failures_path(1), failures_path(1000)),
        ("_manifest/segment-00000.json", "_manifest/segment-00001.json"),
        ("scores/part-00000.parquet", "scores/part-00001.parquet"),
        ("run.lock.json", "_extents/00000.json"),
        ("run.lock.json", "library/_manifest/manifest.json"),
        ("README.md", "backgrounds.jsonl"),
        (data_path(0), f"library/{data_path(0)}"),
    ]
    for one, other in pairs:
        first, second = run.read(one), run.read(other)
        assert first != second
        run.put(one, second)
        run.put(other, first)
        assert {one, other} <= set(named(verify(run)))
        run.put(one, first)
        run.put(other, second)
    assert verify(run).ok


def test_swapped_units_with_their_receipts_are_found_by_their_rows(run):
    for path in (data_path, receipt_path, failures_path):
        first, second = run.read(path(1)), run.read(path(1000))
        run.put(path(1), second)
        run.put(path(1000), first)
    assert {data_path(1), data_path(1000)} <= set(named(verify(run)))


def test_a_receipt_with_other_rows_than_its_data_file_is_named(run):
    """Whole in itself, and its counts are right: only the data file says that a score is not the one that was given."""
    summary = read_unit_summary(run, 1)
    place = summary.rows.schema.get_field_index("seam")
    other = summary.rows.set_column(place, "seam", pa.array([0.5] * summary.rows.num_rows))
    run.put(receipt_path(1), pack_summary(replace(summary, rows=other)))
    [damage] = verify(run).damage
    assert damage.path == receipt_path(1)
    assert "other rows" in damage.what


def test_scores_that_are_nan_are_no_damage(tmp_path):
    store = open_store(str(tmp_path))
    table, failures = unit(0, 0, 14)
    place = table.schema.get_field_index("seam")
    table = table.set_column(place, "seam", pa.array([float("nan")] * table.num_rows))
    commit_unit(store, 0, table, failures, attempt=1, timings={})
    assert verify(store).ok


def test_samples_of_another_unit_are_found(tmp_path):
    store = open_store(str(tmp_path))
    make_run(store, samples=12)
    for path in (data_path(1), receipt_path(1), failures_path(1), MANIFEST, "_manifest/segment-00000.json"):
        store.delete(path)
    commit(store, 1, 3, 7)
    write_manifest(store)
    report = verify(store)
    assert named(report) == [data_path(1)]
    assert "0000000007" in report.damage[0].what


def test_a_file_that_would_be_read_as_data_is_named(run):
    run.put("data/copy.parquet", run.read(data_path(0)))
    run.put("data/part-00000099.parquet", run.read(data_path(0)))
    assert {"data/copy.parquet", "data/part-00000099.parquet"} <= set(named(verify(run)))


def test_a_unit_that_is_gone_with_all_that_told_of_it_is_named(tmp_path):
    """With its receipt, the manifest and the scores gone too, nobody missed it."""
    run = open_store(str(tmp_path))
    make_run(run, samples=12)
    for folder in ("_manifest", "scores"):
        for entry in [*run.list(folder)]:
            run.delete(entry.path)
    for path in (data_path(1), receipt_path(1), failures_path(1)):
        run.delete(path)
    [damage] = verify(run).damage
    assert (damage.path, damage.what) == (data_path(1), "is missing")
    assert "run the command again" in damage.mend


def test_an_unfinished_run_is_sound_and_its_leftovers_are_no_damage(tmp_path):
    store = open_store(str(tmp_path))
    commit(store, 0, 0, 14)
    store.put("_tmp/1-dead", b"")
    store.put("_journal/00000001.paste.x.json", b"{}")
    report = verify(store)
    assert report.ok
    assert report.leftovers == ("_journal/00000001.paste.x.json", "_tmp/1-dead")


def test_an_unfinished_run_is_checked_by_its_receipts(tmp_path):
    store = open_store(str(tmp_path))
    commit(store, 0, 0, 14)
    good = store.read(data_path(0))
    store.put(data_path(0), good[:-1] + bytes([good[-1] ^ 1]))
    assert named(verify(store)) == [data_path(0)]
    store.delete(data_path(0))
    assert named(verify(store)) == [data_path(0)]


@pytest.mark.parametrize("derived", [receipt_path(1), failures_path(1), "scores/part-00001.parquet", MANIFEST])
def test_what_is_derived_is_mended_as_the_report_says(run, derived):
    run.put(derived, b"broken")
    [damage] = verify(run).damage
    assert damage.path == derived
    for path in (derived, receipt_path(1), MANIFEST):
        if path == derived or path in damage.mend:
            run.delete(path)
    write_manifest(run)
    assert verify(run).ok, verify(run).damage


@pytest.mark.parametrize("stray", ["scores/part-00007.parquet", "scores/rows.parquet", "more.parquet", "notes.jsonl"])
def test_a_file_that_readers_would_take_for_one_of_the_run_is_named(run, stray):
    run.put(stray, run.read(data_path(0)))
    assert stray in named(verify(run))


def test_what_nobody_would_read_as_rows_may_lie_beside_them(run):
    run.put("gallery.html", b"<html>")
    assert verify(run).ok
