"""Layouts made first and painted later, without a cluster."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from actors.compose.layout import Layout
from actors.compose.scene import Scene
from engine.compose.backdrops import catalogue
from engine.dataset.verify import verify
from engine.errors import Damaged, UsageError
from engine.rows.composition import Composition
from engine.run.sources import Origin, PhaseRows
from engine.storage.extents import extend, read_extents
from engine.storage.open_store import open_store
from jobs.compose.recipes import built_in, load
from jobs.report.gallery import gallery
from jobs.report.stats import stats
from tests.support.data.photos import concept_folder
from tests.support.processes.inline import files
from tests.support.processes.inprocess import compose, cut, lay_out

SAMPLES = 10  # units of 4: the last is short


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layouts")
    cut(concept_folder(folder / "photos"), str(folder / "library"))
    return str(folder / "library")


@pytest.fixture(scope="module")
def layouts(library, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("first") / "layouts")
    lay_out(library, folder, SAMPLES)
    return folder


def test_painted_from_layouts_a_run_has_the_very_bytes_of_one_that_lays_out_itself(library, layouts, tmp_path):
    compose(library, str(tmp_path / "whole"), SAMPLES)
    compose(library, str(tmp_path / "later"), SAMPLES, layouts=layouts)
    assert files(tmp_path / "whole") == files(tmp_path / "later")
    assert len(files(tmp_path / "later")) == 3


def test_layouts_are_shards_like_others(layouts):
    assert verify(open_store(layouts)).ok
    rows = [row for file in sorted(Path(layouts, "data").glob("*.parquet")) for row in pq.read_table(file).to_pylist()]
    assert len(rows) == SAMPLES
    assert all(len(row["placements"]) == len(row["cast"]) == row["num_objects"] >= 2 for row in rows)
    assert stats(layouts)["accepted"] == SAMPLES


def test_units_need_not_be_cut_alike(library, tmp_path):
    for samples in (3, SAMPLES):  # two extents: units of 3, 4 and 3 samples
        lay_out(library, str(tmp_path / "layouts"), samples)
    compose(library, str(tmp_path / "whole"), SAMPLES)
    compose(library, str(tmp_path / "later"), SAMPLES, layouts=str(tmp_path / "layouts"))
    assert files(tmp_path / "whole") == files(tmp_path / "later")


def failures(folder):
    return [row for path in sorted((folder / "failures").glob("*")) for row in pq.read_table(path).to_pylist()]


def test_what_could_not_be_laid_out_is_failed_in_the_dataset_too(library, tmp_path):
    first, second, *_ = catalogue()
    cliff = replace(first, ground_line=0.99)  # nothing can stand below it
    settings = {"backgrounds": (cliff, second)}
    lay_out(library, str(tmp_path / "layouts"), SAMPLES, **settings)
    unlucky = [row["sample_id"] for row in failures(tmp_path / "layouts")]
    assert 0 < len(unlucky) < SAMPLES
    receipts = compose(library, str(tmp_path / "later"), SAMPLES, layouts=str(tmp_path / "layouts"), **settings)
    assert sum(receipt.rows for receipt in receipts) == SAMPLES
    assert sum(receipt.failed for receipt in receipts) == len(unlucky)
    failed = failures(tmp_path / "later")
    assert {(row["stage"], row["code"]) for row in failed} == {("layout", "LAYOUT_UNSOLVED")}
    assert [row["sample_id"] for row in failed] == unlucky


def test_layouts_of_something_else_are_refused(library, layouts, tmp_path):
    out = str(tmp_path / "later")
    with pytest.raises(UsageError, match=r"LAYOUTS_UNFINISHED(.|\n)*--samples 11"):
        compose(library, out, 11, layouts=layouts)
    with pytest.raises(UsageError, match="LAYOUTS_MISSING"):
        compose(library, str(tmp_path / "a"), SAMPLES, layouts=str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match=r"RUN_CHANGED(.|\n)*seed: 0 -> 1"):
        compose(library, str(tmp_path / "b"), SAMPLES, "seed=1", layouts=layouts)
    with pytest.raises(UsageError, match=r"RUN_CHANGED(.|\n)*max_objects"):
        compose(library, str(tmp_path / "c"), SAMPLES, "scene.max_objects=3", layouts=layouts)


def test_what_paints_may_change_between_the_two(library, layouts, tmp_path):
    compose(library, str(tmp_path / "other"), SAMPLES, "paste.harmonise=false", "size=96", layouts=layouts)
    assert len(files(tmp_path / "other")) == 3


@pytest.mark.parametrize("name", built_in())
def test_every_recipe_falls_in_two(name):
    recipe = load(name)
    (pool,) = recipe.pools_of(recipe.phase("layout"))
    assert pool.stages == ("scene", "layout", "commit")
    assert pool.gpus == next(each for each in recipe.pools.values() if "layout" in each.stages).gpus
    later = recipe.phase("compose")
    assert [*recipe.phase("layout").stages, *later.stages] == list(recipe.whole("compose").stages)
    pools = recipe.pools_of(later)
    assert [stage for group in later.groups(pools) for stage in group] == list(later.stages)
    assert [name for each in pools for name in each.stages] == [*later.stage_names(), "commit"]


def test_a_unit_that_is_gone_is_damage_with_a_way_out(library, layouts, tmp_path):
    lay_out(library, str(tmp_path / "layouts"), SAMPLES)
    (tmp_path / "layouts/data/part-00000001.parquet").unlink()
    store = open_store(str(tmp_path / "layouts"))
    extents = extend(open_store(str(tmp_path / "out")), SAMPLES, 4)
    origin = Origin(record=Composition, extents=extents, seed=0, out=str(tmp_path / "out"))
    source = PhaseRows(origin, store.uri, read_extents(store), ("sample_id", "unit_id", "seed", "cast"))
    assert len(source.unit(0).rows) == 4
    with pytest.raises(Damaged, match=r"LAYOUTS_LACK(.|\n)*mycanvas layout"):
        source.unit(1)
    with pytest.raises(UsageError, match=r"LAYOUTS_UNFINISHED(.|\n)*4 of 10 samples"):
        compose(library, str(tmp_path / "later"), SAMPLES, layouts=store.uri)
    compose(library, str(tmp_path / "fewer"), 4, layouts=store.uri)


def test_a_refused_painting_leaves_no_trace(library, layouts, tmp_path):
    out = str(tmp_path / "later")
    with pytest.raises(UsageError, match=r"LAYOUTS_UNFINISHED(.|\n)*1 of 11 samples"):
        compose(library, out, 11, layouts=layouts)
    assert not (tmp_path / "later").exists() or not files(tmp_path / "later")
    compose(library, out, SAMPLES, layouts=layouts)
    assert read_extents(open_store(out)).samples == SAMPLES


def test_the_shards_hold_what_the_first_stages_write_and_nothing_else(layouts):
    kept = {"sample_id", "unit_id", "seed", *Scene.writes, *Layout.writes, "status"}
    for file in Path(layouts, "data").glob("*.parquet"):
        assert set(pq.read_schema(file).names) == kept


def test_layouts_can_be_looked_at_before_anything_is_painted(library, layouts, tmp_path):
    page = tmp_path / "layouts.html"
    assert gallery(layouts, page, library=library) == SAMPLES
    text = page.read_text()
    assert text.count("a photo of") >= SAMPLES
    assert text.count("UklGR") >= SAMPLES, "WebP in base64"
