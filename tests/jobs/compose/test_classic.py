"""The recipe `classic` from photos to shards, without a cluster: what is in a row, and that it is always the same."""

import itertools
import re
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from engine.compose.backdrops import catalogue
from engine.dataset.verify import verify
from engine.photos.backgrounds import list_backgrounds
from engine.photos.images import decode
from engine.photos.library import open_library
from engine.rows.composition import Composition
from engine.rows.schema import column_names
from engine.seeds import sample_id, sample_seed
from engine.storage.commits import data_files
from engine.storage.open_store import open_store
from jobs.report.stats import lines, stats
from tests.support.data.photos import CONCEPTS, concept_folder, encoded, thing, write
from tests.support.processes.inline import files
from tests.support.processes.inprocess import compose, cut

SAMPLES = 10  # units of 4: the last is short
THREE_POOLS = (
    "pools={one: {stages: [scene, layout]}, two: {stages: [paste, inpaint, restore]},"
    " three: {stages: [caption, score, gate, commit]}}"
)
PUBLIC = [
    "sample_id", "unit_id", "seed", "image", "caption", "caption_template", "scene", "background_prompt",
    "background_id", "concepts", "num_objects", "objects", "layout_source", "status", "reasons", "clip_score",
    "ti_clip", "cp_clip", "cp_clip_assigned", "seam", "models",
]  # fmt: skip
PUBLIC_OBJECT = [
    "concept", "class_name", "cutout_id", "source_sha256", "license", "box", "mask", "flip", "order",
    "visible_fraction", "identity_psnr",
]  # fmt: skip
NULL = {"clip_score", "ti_clip", "cp_clip", "cp_clip_assigned"}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classic")
    cut(concept_folder(folder / "photos"), str(folder / "library"))
    return str(folder / "library")


@pytest.fixture(scope="module")
def out(library, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "dataset"
    compose(library, str(folder), SAMPLES)
    return folder


@pytest.fixture(scope="module")
def rows(out):
    return pa.concat_tables([pq.read_table(path) for path in sorted(out.glob("data/*.parquet"))]).to_pylist()


def test_a_cutout_is_what_its_photo_shows(library):
    cutouts = open_library(library).cutouts.values()
    assert sorted(item.concept for item in cutouts) == sorted(2 * list(CONCEPTS))
    for item in cutouts:
        _, class_name, license_name = CONCEPTS[item.concept]
        assert (item.class_name, item.license, item.quality) == (class_name, license_name, 1.0)
        assert [model.name for model in item.models] == ["own-alpha"]
    pixels = open_library(library).pixels(next(iter(cutouts)).cutout_id)
    assert pixels[..., 3].any(axis=0).all()
    assert pixels[..., 3].any(axis=1).all(), "cropped tight"


def test_every_sample_is_there_once_and_judged(rows):
    assert [row["sample_id"] for row in rows] == [sample_id(number) for number in range(SAMPLES)]
    assert [row["seed"] for row in rows] == [sample_seed(0, row["sample_id"]) for row in rows]
    for row in rows:
        assert row["status"] == ("rejected" if row["reasons"] else "accepted")
    assert sum(row["status"] == "accepted" for row in rows) >= SAMPLES // 2


def test_every_public_column_is_filled_and_no_other_name_is_promised(rows):
    assert set(PUBLIC) <= set(column_names(Composition, stored=True))
    for row in rows:
        assert {name for name in PUBLIC if row[name] is None} == NULL
        assert all(row[name] != "" for name in PUBLIC)
        assert all(item[name] is not None for item in row["objects"] for name in PUBLIC_OBJECT)


def test_concepts_objects_and_caption_speak_of_the_same_things(rows):
    for row in rows:
        assert 2 <= row["num_objects"] == len(row["objects"]) == len(row["concepts"]) <= len(CONCEPTS)
        assert [item["concept"] for item in row["objects"]] == row["concepts"]
        slots = [f"{{obj_{number}}}" for number in range(1, row["num_objects"] + 1)]
        assert re.findall(r"\{.*?\}", row["caption_template"]) == slots
        pattern = re.escape(row["caption_template"])
        for slot, item in zip(slots, row["objects"], strict=True):
            pattern = pattern.replace(re.escape(slot), rf"(?:an?|another) {item['class_name']}")
        assert re.fullmatch(pattern, row["caption"])
        assert row["background_prompt"] in row["caption"]


def test_backgrounds_and_models_are_named(rows):
    known = {item.background_id: item for item in catalogue()}
    for row in rows:
        assert row["scene"] == known[row["background_id"]].scene
        assert row["layout_source"] == "solver"
        assert {"own-alpha", "mycanvas/blend"} == {model["name"] for model in row["models"]}
        assert all(model["revision"] and model["license"] for model in row["models"])


def test_boxes_and_masks_lie_where_the_objects_are(rows):
    for row in rows:
        assert decode(row["image"]["bytes"]).shape == (128, 128, 3)
        assert sorted(item["order"] for item in row["objects"]) == list(range(row["num_objects"]))
        for item in row["objects"]:
            left, top, right, bottom = item["box"]
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1
            mask = decode(item["mask"])
            assert (mask.shape, mask.dtype) == ((128, 128), np.uint8)
            down, across = np.nonzero(mask > 127)
            assert left * 128 - 1 <= across.min() <= across.max() <= right * 128 + 1
            assert top * 128 - 1 <= down.min() <= down.max() <= bottom * 128 + 1
            assert 0.7 <= item["visible_fraction"] <= 1


def test_objects_are_not_redrawn(rows):
    identity = [item["identity_psnr"] for row in rows for item in row["objects"]]
    assert np.median(identity) >= 40
    assert np.percentile(identity, 5) >= 34


def test_hugging_face_datasets_reads_images(out, tmp_path):
    loaded = datasets.load_dataset(str(out), split="train", cache_dir=str(tmp_path))
    assert len(loaded) == SAMPLES
    assert isinstance(loaded[0]["image"], Image.Image)
    assert loaded[0]["image"].size == (128, 128)
    assert loaded[0]["objects"][0]["concept"] in CONCEPTS


def test_the_card_names_the_recipe_and_every_licence(out):
    card = (out / "README.md").read_text()
    assert "`classic`" in card
    assert "| CC-BY-4.0 | 2 |" in card
    assert "| CC0-1.0 | 6 |" in card


def test_stats_count_what_is_there(out, rows):
    report = stats(str(out))
    assert (report["rows"], report["units"], report["failed"]) == (SAMPLES, 3, 0)
    assert report["accepted"] == sum(row["status"] == "accepted" for row in rows)
    assert sum(report["concepts"].values()) == sum(row["num_objects"] for row in rows)
    assert {"objects.identity_psnr", "objects.visible_fraction", "seam"} <= set(report["scores"])
    assert not NULL & set(report["scores"]), "no number is made up"
    assert lines(report)[0] == str(out)


def test_a_finished_dataset_is_whole(out):
    assert not verify(open_store(str(out))).damage


@pytest.mark.parametrize("overrides", [(), (THREE_POOLS,)], ids=["again", "three groups"])
def test_another_run_gives_the_same_bytes_whatever_the_grouping(library, out, tmp_path, overrides):
    receipts = compose(library, str(tmp_path / "again"), SAMPLES, *overrides)
    assert files(tmp_path / "again") == files(out)
    assert [receipt.rows for receipt in receipts] == [4, 4, 2]


def test_running_it_again_changes_nothing_and_asking_for_more_only_adds(library, tmp_path):
    out = tmp_path / "grown"
    compose(library, str(out), 4)
    before = files(out)
    compose(library, str(out), 4)
    assert files(out) == before
    compose(library, str(out), 10)
    assert {name: data for name, data in files(out).items() if name in before} == before
    assert sum(pq.read_metadata(path).num_rows for path in out.glob("data/*.parquet")) == 10
    assert not verify(open_store(str(out))).damage


def test_thresholds_reject_rows_with_reasons_and_keep_them(library, tmp_path):
    receipts = compose(library, str(tmp_path), 4, "gate.min_identity_psnr=99", "gate.min_clip_score=0")
    assert [(receipt.accepted, receipt.rejected) for receipt in receipts] == [(0, 4)]
    (path,) = tmp_path.glob("data/*.parquet")
    for row in pq.read_table(path).to_pylist():
        assert row["reasons"] == ["identity_psnr<99", "clip_score_missing"]
        assert row["image"]["bytes"]


def test_photos_of_the_user_stand_behind_the_objects(library, tmp_path):
    for number, value in enumerate((60, 200)):
        write(tmp_path / "backgrounds" / "wall" / f"{number}.png", encoded(np.full((150, 240, 3), value, np.uint8)))
    found = list_backgrounds(str(tmp_path / "backgrounds"))
    compose(library, str(tmp_path / "out"), 4, backgrounds=found)
    (path,) = (tmp_path / "out").glob("data/*.parquet")
    for row in pq.read_table(path).to_pylist():
        assert row["background_id"] in {item.background_id for item in found}
        corner = decode(row["image"]["bytes"])[2, 2]
        assert min(abs(corner.astype(int) - 60).max(), abs(corner.astype(int) - 200).max()) < 8


def test_hostile_names_reach_the_shards_as_plain_text(tmp_path):
    names = ["\x1b[31mred", "[/red]", "<b>bold</b>", "{obj_1}", "left\u202eright", "a::b", "c" * 200, "../up"]
    colors = itertools.cycle(color for color, _, _ in CONCEPTS.values())
    for number, (name, color) in enumerate(zip(names, colors, strict=False)):
        write(
            tmp_path / "photos" / name.replace("/", "\N{DIVISION SLASH}") / "0.png", encoded(thing(color, seed=number))
        )
    cut(str(tmp_path / "photos"), str(tmp_path / "library"))
    receipts = compose(str(tmp_path / "library"), str(tmp_path / "out"), 8)
    assert sum(receipt.failed for receipt in receipts) == 0
    store = open_store(str(tmp_path / "out"))
    for path in data_files(store):
        for row in pq.read_table(Path(store.uri, path)).to_pylist():
            texts = [row["caption"], row["caption_template"], *row["concepts"], row["scene"]]
            assert all(text.isprintable() and len(text) < 500 for text in texts)
            assert len(re.findall(r"\{", row["caption_template"])) == row["num_objects"]
            assert "{" not in row["caption"]
