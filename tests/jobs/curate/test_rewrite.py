"""`mycanvas filter --out`: the chosen rows as a dataset of their own, through Ray."""

import hashlib
import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from benchmarks.support.curate_data import write_dataset
from cluster.session import NONE
from engine.dataset.rewrite import Rewrite
from engine.dataset.verify import verify
from engine.dataset.views import open_dataset
from engine.errors import Damaged, UsageError
from engine.photos.library import open_library
from engine.storage.open_store import open_store
from jobs.console import Console
from jobs.curate.filter import choose
from jobs.curate.rewrite import _locked_rows, materialise
from planners.curate.selection import Wanted
from tests.support.data.photos import concept_folder
from tests.support.processes.command import mycanvas
from tests.support.processes.inprocess import cut

QUIET = Console("quiet")
BEST = Wanted(top="40%", by="clip_score")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four units of 30 rows of 40 KB: 1.2 MB each."""
    folder = tmp_path_factory.mktemp("materialise") / "data"
    write_dataset(folder, units=4, unit_rows=30, image_bytes=40_000)
    return folder


def copied(data, out, wanted=BEST):
    chosen = choose(str(data), wanted, explain=False)
    return chosen, materialise(chosen, str(out), question={}, shard_mb=1, address=NONE, console=QUIET)


@pytest.fixture(scope="module")
def best(data, tmp_path_factory, ray_address):
    out = tmp_path_factory.mktemp("best") / "out"
    words = ("--top", "40%", "--by", "clip_score", "--shard-mb", "1", "--address", ray_address)
    mycanvas("filter", data, "--out", out, *words)
    return out


def rows(folder):
    return [row for path in sorted((Path(folder) / "data").iterdir()) for row in pq.read_table(path).to_pylist()]


def hashes(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (Path(folder) / "data").iterdir()}


def test_the_chosen_rows_are_there_whole_and_in_order(data, best):
    wanted = choose(str(data), BEST, explain=False).rows.column("sample_id").to_pylist()
    made, source = rows(best), {row["sample_id"]: row for row in rows(data)}
    assert [row["sample_id"] for row in made] == wanted
    assert all(row | {"unit_id": 0} == source[row["sample_id"]] | {"unit_id": 0} for row in made)
    sizes = [pq.read_metadata(path).num_rows for path in sorted((best / "data").iterdir())]
    assert sizes == [24, 21], "a megabyte holds 24 rows, whatever unit they come from"
    assert [row["unit_id"] for row in made] == [0] * 24 + [1] * 21
    report = verify(open_store(str(best)))
    assert (report.damage, report.units) == ((), 2)


def test_others_read_it(best):
    loaded = load_dataset(
        "parquet", data_files=str(best / "data" / "*.parquet"), split="train", cache_dir=str(best / "hf")
    )
    assert len(loaded) == 45
    assert duckdb.sql(f"select count(*) from '{best}/data/*.parquet'").fetchall() == [(45,)]
    assert "rows" in mycanvas("stats", best)


def test_what_is_missing_is_made_again_and_nothing_else(data, best):
    before = hashes(best)
    (best / "data" / "part-00000001.parquet").unlink()
    kept = (best / "data" / "part-00000000.parquet").stat().st_mtime_ns
    _, tally = copied(data, best)
    assert tally.rows == 21
    assert hashes(best) == before
    assert (best / "data" / "part-00000000.parquet").stat().st_mtime_ns == kept
    _, tally = copied(data, best)
    assert tally.rows == 0


def test_other_rows_do_not_go_into_the_same_place(data, best):
    before = hashes(best)
    with pytest.raises(UsageError, match="RUN_CHANGED"):
        copied(data, best, Wanted(top="30%", by="clip_score"))
    with pytest.raises(UsageError, match="FILTER_PLACE"):
        copied(data, data)
    with pytest.raises(UsageError, match="FILTER_EMPTY"):
        copied(data, best / "none", Wanted(where="clip_score > 99"))
    assert hashes(best) == before
    assert not (best / "none").exists()


def test_the_rows_of_a_view_can_be_copied(data, best, tmp_path):
    mycanvas("filter", data, "--top", "40%", "--by", "clip_score", "--view", tmp_path / "view")
    chosen, tally = copied(tmp_path / "view", tmp_path / "out", Wanted())
    assert tally.rows == chosen.rows.num_rows == 45
    assert hashes(tmp_path / "out") == hashes(best)
    assert open_dataset(str(tmp_path / "out")).view == {}


def test_a_shard_that_changed_since_the_rows_were_chosen_ends_the_copy_by_name(data, best, tmp_path):
    source = tmp_path / "data"
    write_dataset(source, units=1, unit_rows=30, image_bytes=40_000)
    first = Rewrite(str(source), str(best), 24)
    with pytest.raises(Damaged, match=r"SHARD_MISSING|ROWS_GONE"):
        first(1)


def test_a_copy_does_not_depend_on_the_summary_of_its_source(data, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(data, source)
    shutil.rmtree(source / "_manifest")
    chosen, tally = copied(source, tmp_path / "out")
    assert tally.rows == chosen.rows.num_rows
    write_dataset(source, units=6, unit_rows=30, image_bytes=90_000)  # it grew, and its rows are larger
    assert _locked_rows(open_store(str(tmp_path / "out"))) == 24


def test_what_is_no_place_is_refused_before_anything_is_copied(data, tmp_path):
    mycanvas("filter", data, "--top", "5", "--by", "clip_score", "--view", tmp_path / "view")
    before = sorted(path.name for path in (tmp_path / "view").iterdir())
    with pytest.raises(UsageError, match="FILTER_PLACE"):
        copied(data, tmp_path / "view")
    assert sorted(path.name for path in (tmp_path / "view").iterdir()) == before


def test_chosen_cut_outs_are_a_library(tmp_path):
    library = tmp_path / "library"
    cut(concept_folder(tmp_path / "photos"), str(library))
    every = open_library(str(library)).cutouts
    copied(library, tmp_path / "out", Wanted(top="2", by="quality"))
    kept = open_library(str(tmp_path / "out"))
    best = sorted(every.values(), key=lambda cutout: -cutout.quality)[:2]
    assert len(every) > 2
    assert sorted(cutout.quality for cutout in kept.cutouts.values()) == sorted(cutout.quality for cutout in best)
    assert all(kept.pixels(name).shape[2] == 4 for name in kept.cutouts)
    assert verify(open_store(str(tmp_path / "out"))).damage == ()


def test_rows_that_are_gone_end_a_copy_by_name(data, best, tmp_path):
    source = tmp_path / "data"
    shutil.copytree(data, source)
    (source / "data" / "part-00000003.parquet").write_bytes((source / "data" / "part-00000002.parquet").read_bytes())
    with pytest.raises(Damaged, match="ROWS_GONE"):
        Rewrite(str(source), str(best), 24)(1)
