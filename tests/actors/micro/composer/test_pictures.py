"""The stock, pictures composed from it, pools of them, and what is asked of drawn ones."""

from itertools import combinations

import numpy as np
import pytest
import torch

from actors.micro.composer.measures import all_at_own_boxes, held_out_prompts
from actors.micro.composer.pictures import COUNTS, compose, held_out
from actors.micro.composer.pools import cell_shares, make_pool, open_pools, pools_folder
from actors.micro.composer.stock import NO_SCENE, SIDE, open_stock, prepare_stock
from actors.micro.diffusion.autoencoder import load_autoencoder, new_autoencoder, save_autoencoder
from actors.micro.specs import AutoencoderTraining
from engine.metrics.detection import Detections
from engine.seeds import rng
from engine.toybox import CLASSES, SCENES

SIZES = {"seed": 11, "concepts": 32, "places": 2, "processes": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepare_stock(tmp_path_factory.mktemp("data"), **SIZES)


@pytest.fixture(scope="module")
def pictures(folder):
    stock = open_stock(folder)
    return [compose(stock, rng(0, "pictures", str(number))) for number in range(60)]


def classes_of(picture):
    return [concept % len(CLASSES) for concept in picture.concepts]


def test_toys_stand_from_left_to_right_each_with_its_mask(pictures):
    for picture in pictures:
        assert picture.image.shape == (SIDE, SIDE, 3)
        assert len(picture.layers) == len(picture.boxes) == len(picture.concepts)
        assert len(set(classes_of(picture))) == len(picture.concepts)
        middles = [box[0] + box[2] for box in picture.boxes]
        assert middles == sorted(middles)
        for layer, (x0, y0, x1, y1) in zip(picture.layers, picture.boxes, strict=True):
            rows, columns = np.nonzero(layer >= 128)
            assert len(rows) > 100, "each toy is in sight"
            assert x0 * SIDE - 1.5 <= columns.min() <= columns.max() <= x1 * SIDE + 0.5
            assert y0 * SIDE - 1.5 <= rows.min() <= rows.max() <= y1 * SIDE + 0.5
        assert np.sum(picture.layers, 0, dtype=int).max() <= 256, "what is hidden belongs to one toy alone"


def test_all_counts_paper_and_scenes_occur(pictures):
    assert {len(picture.concepts) for picture in pictures} == set(range(1, len(COUNTS) + 1))
    scenes = {picture.scene for picture in pictures}
    assert NO_SCENE in scenes
    assert len(scenes) > len(SCENES) // 2
    for picture in pictures:
        if picture.scene == NO_SCENE:
            beside = picture.image[np.sum(picture.layers, 0, dtype=int) == 0]
            assert len(np.unique(beside, axis=0)) == 1


def test_held_out_pairs_and_scenes_never_occur(pictures):
    pairs = [held_out(pair) for pair in combinations(range(len(CLASSES)), 2)]
    assert 0.08 < np.mean(pairs) < 0.18
    for picture in pictures:
        assert not any(held_out(pair) for pair in combinations(classes_of(picture), 2))
        assert not any(held_out([number], picture.scene) for number in classes_of(picture))


@pytest.mark.parametrize("toys", [0, 1, 2, 3])
def test_prompts_ask_for_what_was_held_out(toys):
    wanted = held_out_prompts(toys, 70, 5)
    assert wanted[:20] == held_out_prompts(toys, 20, 5), "fewer are the first of more"
    assert wanted != held_out_prompts(toys, 70, 6)
    for one in wanted:
        assert len(set(one.classes)) == max(toys, 1)
        assert one.prompt.startswith("a photo of a")
        assert (one.scene == NO_SCENE) == (toys == 0)
        assert toys == 0 or held_out(one.classes, one.scene if toys == 1 else NO_SCENE)


def test_a_stock_is_rendered_once_and_its_name_says_what_it_holds(folder, monkeypatch):
    home = folder / "stock"
    before = {path.name: path.stat().st_mtime_ns for path in home.iterdir()}
    assert prepare_stock(folder.parents[1], **SIZES) == folder
    assert {path.name: path.stat().st_mtime_ns for path in home.iterdir()} == before
    assert prepare_stock(folder.parents[1], **SIZES, writes=False) == folder
    assert folder.name == "11-32-2"
    assert open_stock(folder).concepts == 32


def test_a_pool_is_made_whole_or_not_at_all_and_the_same_again(folder, tmp_path):
    tiny = AutoencoderTraining(widths=(8, 8, 8, 8), groups=4)
    save_autoencoder(new_autoencoder(tiny), tmp_path / "vae")
    vae = load_autoencoder(tmp_path / "vae", torch.device("cpu"))
    pools = pools_folder(folder, tmp_path / "vae")
    broken = pools / "_tmp-pool-000"
    broken.mkdir(parents=True)
    (broken / "latents.npy").write_bytes(b"half")
    assert open_pools(pools) == [], "what was broken off is not read"
    call = {"count": 6, "seed": 3}
    make_pool(pools, vae, 0, **call)
    (first,) = open_pools(pools)
    assert not broken.exists()
    kept = (pools / "pool-000" / "latents.npy").stat().st_mtime_ns
    make_pool(pools, vae, 0, **call)
    make_pool(pools, vae, 1, **call)
    assert (pools / "pool-000" / "latents.npy").stat().st_mtime_ns == kept
    copy = folder / "pools-copy"
    make_pool(copy, vae, 0, **call)
    (again,) = open_pools(copy)
    assert np.array_equal(first.masks, again.masks)
    assert np.array_equal(first.latents, again.latents)
    other = open_pools(pools)[1]
    assert len(first) == 6
    assert not np.array_equal(first.concepts, other.concepts)
    assert np.array_equal(first.concepts >= 0, first.masks.any((2, 3)))
    picture = compose(open_stock(folder), rng(3, "composer", "pool 0/0"))
    assert np.array_equal(first.masks[0, : len(picture.layers)], [cell_shares(layer) for layer in picture.layers])


def test_every_name_needs_a_box_of_its_own():
    boxes = np.array([[0, 0, 0.5, 0.5], [0.02, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], np.float32)
    scores = np.array([0.9, 0.8, 0.3], np.float32)

    def found(*labels):
        return Detections(boxes, scores, np.array(labels, np.int64))

    assert all_at_own_boxes(found(0, 0, 1), 2, 0.2)
    assert not all_at_own_boxes(found(0, 0, 1), 2, 0.4), "the second is not believed"
    assert not all_at_own_boxes(found(0, 1, 2), 2, 0.2), "one thing under two names"
    assert not all_at_own_boxes(found(0, 0, 1), 3, 0.2)
