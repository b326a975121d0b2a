"""Exports, read by the libraries that they are for."""

import hashlib
import io
import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import webdataset
import yaml
from datasets import load_dataset
from PIL import Image
from pycocotools.coco import COCO

from engine.compose.paste import over
from engine.dataset.views import open_dataset
from engine.errors import Damaged, UsageError
from engine.photos.images import decode
from engine.photos.library import open_library
from engine.rows.composition import Composition
from engine.rows.schema import column_names, from_table
from jobs.console import Console
from jobs.curate.export import BEGUN, FORMATS, export
from tests.support.data.gallery_rows import commit, composition
from tests.support.data.photos import concept_folder
from tests.support.processes.inprocess import compose, cut

SAMPLES = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    cut(concept_folder(folder / "photos"), str(folder / "library"))
    shutil.copytree(folder / "library", folder / "data" / "library")
    compose(str(folder / "library"), str(folder / "data"), SAMPLES, "gate.min_identity_psnr=41")
    return folder / "data"


@pytest.fixture(scope="module")
def rows(data):
    columns = list(column_names(Composition, stored=True))
    found = [
        row for table in open_dataset(str(data)).tables(columns) for row in from_table(Composition, table, columns)
    ]
    kept = [row for row in found if row.status == "accepted"]
    assert 0 < len(kept) < SAMPLES, "the gate must have left some and taken some"
    return kept


def written(data, to, out, **options):
    options = {"shard_mb": 1, "rejected": False, **options}
    return export(str(data), to, str(out), console=Console("quiet"), **options)


def files(folder):
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).digest() for path in found}


@pytest.mark.parametrize("to", [*FORMATS])
def test_the_same_rows_give_the_same_files(data, tmp_path, to):
    assert written(data, to, tmp_path / "one")["rows"] == written(data, to, tmp_path / "two")["rows"]
    assert files(tmp_path / "one") == files(tmp_path / "two") != {}


def test_webdataset_reads_pictures_words_and_facts(data, rows, tmp_path):
    written(data, "webdataset", tmp_path / "out")
    shards = sorted(str(path) for path in (tmp_path / "out").glob("*.tar"))
    samples = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("pil"))
    assert [sample["__key__"] for sample in samples] == [row.sample_id for row in rows]
    for sample, row in zip(samples, rows, strict=True):
        assert np.array_equal(np.asarray(sample["jpg"]), decode(row.image))
        assert sample["txt"] == row.caption
        assert sample["json"]["concepts"] == list(row.concepts)
        assert sample["json"]["scores"]["seam"] == row.seam
        assert "clip_score" not in sample["json"]["scores"], "nobody measured it"


def test_a_shard_is_no_larger_than_asked(data, tmp_path):
    written(data, "webdataset", tmp_path / "out", rejected=True)
    from engine.dataset.export.webdataset import WebDataset
    from engine.storage.open_store import open_store

    small = WebDataset(open_store(str(tmp_path / "small")), 20_000)
    columns = list(column_names(Composition, stored=True))
    for table in open_dataset(str(data)).tables(columns):
        for row in from_table(Composition, table, columns):
            small.add(row)
    small.close()
    assert len(list((tmp_path / "small").glob("*.tar"))) > 1


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_coco_knows_boxes_masks_and_captions(data, rows, tmp_path, capsys):
    written(data, "coco", tmp_path / "out")
    coco, words = COCO(tmp_path / "out" / "instances.json"), COCO(tmp_path / "out" / "captions.json")
    capsys.readouterr()
    assert [each["file_name"] for each in coco.imgs.values()] == [f"{row.sample_id}.jpg" for row in rows]
    for number, row in enumerate(rows, 1):
        own = coco.loadAnns(coco.getAnnIds(imgIds=[number]))
        assert [each["concept"] for each in own] == [item.concept for item in row.objects]
        for each, item in zip(own, row.objects, strict=True):
            mask = decode(item.mask) >= 128
            assert np.array_equal(coco.annToMask(each).astype(bool), mask)
            assert each["area"] == mask.sum()
            left, top, wide, high = each["bbox"]
            assert mask[top : top + high, left : left + wide].sum() == mask.sum()
            assert coco.cats[each["category_id"]]["name"] == item.class_name
        assert words.loadAnns(words.getAnnIds(imgIds=[number]))[0]["caption"] == row.caption
        picture = Image.open(tmp_path / "out" / "images" / f"{row.sample_id}.jpg")
        assert picture.size == (coco.imgs[number]["width"], coco.imgs[number]["height"])


def test_fiftyone_has_relative_boxes_and_numbered_classes(data, rows, tmp_path):
    written(data, "fiftyone", tmp_path / "out")
    said = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert set(said["labels"]) == {row.sample_id for row in rows}
    for row in rows:
        labels = said["labels"][row.sample_id]
        assert [said["classes"][each["label"]] for each in labels] == [item.class_name for item in row.objects]
        for each in labels:
            left, top, wide, high = each["bounding_box"]
            assert min(left, top) >= 0 < min(wide, high)
            assert max(left + wide, top + high) <= 1
        assert (tmp_path / "out" / "data" / f"{row.sample_id}.jpg").read_bytes() == row.image


def test_the_hub_folder_is_a_dataset_of_pictures(data, rows, tmp_path):
    written(data, "hf", tmp_path / "out")
    loaded = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded["caption"][:] == [row.caption for row in rows]
    assert np.array_equal(np.asarray(loaded[0]["image"]), decode(rows[0].image))
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.count("---\n") == 2
    assert yaml.safe_load(card.split("---\n")[1])["license"] == ["cc0-1.0", "cc-by-4.0"]
    assert f"{len(rows)} synthetic compositions" in card, "those that are here, not those of the dataset"
    assert io.StringIO(card).readline() == "---\n"


def test_rejected_rows_come_along_where_they_are_asked_for(data, rows, tmp_path):
    assert written(data, "coco", tmp_path / "out", rejected=True)["rows"] == SAMPLES
    assert written(data, "coco", tmp_path / "other")["rows"] == len(rows)


@pytest.mark.parametrize("to", ["webdataset", "coco"])
def test_an_export_that_was_interrupted_is_begun_again_over_its_own_files(data, tmp_path, to):
    shutil.copytree(data, tmp_path / "data")
    second = tmp_path / "data" / "data" / "part-00000001.parquet"
    whole = second.read_bytes()
    second.write_bytes(whole[:-100])
    with pytest.raises(Damaged, match="SHARD_DAMAGED"):
        written(tmp_path / "data", to, tmp_path / "out")
    assert (tmp_path / "out" / BEGUN).exists()
    with pytest.raises(UsageError, match="EXPORT_PLACE"):
        written(tmp_path / "data", "hf", tmp_path / "out")
    second.write_bytes(whole)
    written(tmp_path / "data", to, tmp_path / "out")
    written(data, to, tmp_path / "whole")
    files = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "out", tmp_path / "whole")
    ]
    assert files[0] == files[1]


def test_a_place_that_is_not_empty_and_rows_that_are_no_compositions_are_named(data, tmp_path):
    with pytest.raises(UsageError, match="EXPORT_PLACE"):
        written(data, "coco", data)
    with pytest.raises(UsageError, match="ROWS_KIND"):
        written(data.parent / "library", "coco", tmp_path / "out")
    with pytest.raises(UsageError, match="DATASET_EMPTY"):
        written(tmp_path / "nothing", "coco", tmp_path / "out2")


@pytest.mark.parametrize("strange", ["../../x", "/etc/x", "a.b", "", "x\x1b", "a/b", "-" * 129])
@pytest.mark.parametrize("to", ["coco", "fiftyone", "hf", "webdataset"])
def test_an_id_of_a_strangers_row_is_no_path(tmp_path, to, strange):
    """`--to webdataset` wrote ../../x into its tar files; others ended with exit 1."""
    data = commit(tmp_path / "data", [composition(0), replace(composition(1), sample_id=strange)])
    with pytest.raises(Damaged, match="ROWS_IDS") as caught:
        export(data, to, str(tmp_path / "out"), shard_mb=1, rejected=True, console=Console("quiet"))
    assert (caught.value.where, caught.value.exit_code) == ("data/part-00000000.parquet", 6)
    assert not list((tmp_path / "out").rglob("*.tar"))


@pytest.mark.parametrize("to", ["webdataset", "hf", "diffusers"])
def test_names_with_dots_spaces_and_emoji_come_back_as_they_were(tmp_path, to):
    """Tools split a file's name at its first dot, and `dr.pepper v2.0` is a concept."""
    names = ("dr.pepper v2.0", "mug \N{FOX FACE}.jpg")
    data, out = commit(tmp_path / "data", [composition(0, names), composition(1, names)]), tmp_path / "out"
    export(data, to, str(out), shard_mb=1, rejected=True, console=Console("quiet"))
    if to == "webdataset":
        shards = [str(path) for path in out.glob("*.tar")]
        samples = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("pil"))
        assert [set(sample) - {"__url__", "__local_path__"} for sample in samples] == [
            {"__key__", "jpg", "txt", "json"}
        ] * 2
        assert [tuple(sample["json"]["concepts"]) for sample in samples] == [names] * 2
        captions = [sample["txt"] for sample in samples]
    else:
        where = {"path": str(out)} if to == "hf" else {"path": "imagefolder", "data_dir": str(out / "train")}
        loaded = load_dataset(**where, split="train", cache_dir=str(tmp_path / "cache"))
        captions = loaded["caption" if to == "hf" else "text"][:]
        assert to != "hf" or [tuple(each) for each in loaded["concepts"]] == [names] * 2
    assert captions == [composition(number, names).caption for number in range(2)]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_kohya_finds_caption_and_mask_under_the_name_of_the_picture(data, rows, tmp_path):
    written(data, "kohya", tmp_path)
    config = tomllib.loads((tmp_path / "dataset.toml").read_text())
    (subset,) = config["datasets"][0]["subsets"]
    assert config["datasets"][0]["resolution"] == decode(rows[0].image).shape[0]
    for row in rows:
        assert (tmp_path / subset["image_dir"] / f"{row.sample_id}.jpg").read_bytes() == row.image
        assert (tmp_path / subset["image_dir"] / f"{row.sample_id}.txt").read_text() == row.caption
        mask = np.asarray(Image.open(tmp_path / subset["conditioning_data_dir"] / f"{row.sample_id}.png"))
        assert np.array_equal(mask, np.max([decode(item.mask) for item in row.objects], axis=0))


def test_diffusers_reads_an_image_folder_with_captions(data, rows, tmp_path):
    written(data, "diffusers", tmp_path / "out")
    loaded = load_dataset("imagefolder", data_dir=str(tmp_path / "out" / "train"), cache_dir=str(tmp_path / "c"))
    assert loaded["train"]["text"][:] == [row.caption for row in rows]
    assert len(list((tmp_path / "out" / "masks").iterdir())) == len(rows)


def test_reference_sets_show_every_subject_by_another_photo_in_the_order_of_the_caption(data, rows, tmp_path):
    told = written(data, "references", tmp_path)
    library = open_library(str(data / "library"))
    photos = {key: info.source_sha256 for key, info in library.cutouts.items()}
    known = {row.sample_id: row for row in rows}
    sets = lines(tmp_path / "sets.jsonl")
    assert (len(sets), told["left_out"]) == (told["rows"], len(rows) - told["rows"])
    assert sets
    for each in sets:
        row = known[Path(each["target"]).stem]
        assert (tmp_path / each["target"]).read_bytes() == row.image
        assert each["inputs"] == [f"input{place}/{row.sample_id}.jpg" for place in range(1, len(row.objects) + 1)]
        for name, item in zip(each["inputs"], row.objects, strict=True):
            shown = decode((tmp_path / name).read_bytes()).astype(int)
            same = (key for key, info in library.cutouts.items() if info.concept == item.concept)
            others = [library.pixels(key) for key in same if photos[key] != item.source_sha256]
            pictures = [over(other, np.full((*other.shape[:2], 3), 255, np.uint8)) for other in others]
            assert any(p.shape == shown.shape and np.abs(p - shown).mean() < 6 for p in pictures)


def test_preference_pairs_are_of_one_cast_and_every_row_is_in_one_at_most(data, tmp_path):
    told = written(data, "preference", tmp_path)
    pairs = lines(tmp_path / "pairs.jsonl")
    columns = list(column_names(Composition, stored=True))
    every = [row for t in open_dataset(str(data)).tables(columns) for row in from_table(Composition, t, columns)]
    by_bytes = {row.image: row for row in every}
    used = [(tmp_path / pair[side]).read_bytes() for pair in pairs for side in ("chosen", "rejected")]
    assert len(set(used)) == len(used) == 2 * len(pairs)
    assert told["rows"] == len(every) - told["left_out"]
    for pair in pairs:
        good, bad = (by_bytes[(tmp_path / pair[side]).read_bytes()] for side in ("chosen", "rejected"))
        assert (good.status, bad.status) == ("accepted", "rejected")
        assert set(good.concepts) == set(bad.concepts) == set(pair["concepts"])
        assert (pair["prompt"], pair["reasons"]) == (good.caption, list(bad.reasons))


def test_harmonisation_pairs_differ_where_their_mask_is_white_alone(data, rows, tmp_path):
    written(data, "harmonise", tmp_path)
    for each, row in zip(lines(tmp_path / "pairs.jsonl"), rows, strict=True):
        composite, real = (decode((tmp_path / each[name]).read_bytes()).astype(int) for name in ("composite", "real"))
        mask = cv2.dilate(np.asarray(Image.open(tmp_path / each["mask"])), np.ones((17, 17), np.uint8)) > 0
        assert (tmp_path / each["real"]).read_bytes() == row.image
        assert np.abs(composite - real)[~mask].mean() < 2
        assert np.abs(composite - real)[mask].mean() > 1


@pytest.mark.parametrize("to", ["references", "harmonise"])
def test_a_dataset_without_its_library_is_told_which_one_is_wanted(data, tmp_path, to):
    shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns("library"))
    with pytest.raises(UsageError, match=r"EXPORT_LIBRARY(.|\n)*--library"):
        written(tmp_path / "data", to, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert written(tmp_path / "data", to, tmp_path / "out", library=str(data.parent / "library"))["rows"] > 0
