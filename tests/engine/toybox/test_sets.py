"""Rendered sets: truth and pictures agree, tests are kept apart, what is complete is not rendered again."""

import json

import numpy as np
import pytest

from engine.errors import EnvironmentProblem
from engine.toybox import CLASSES, SCENES
from engine.toybox.sets import TRAINING, make_sets, open_set


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("toys")
    said = []
    make_sets(path, seed=3, photos=40, groups=12, processes=2, tell=said.append)
    assert len(said) == 2
    return path


def test_every_array_has_its_shape_and_range(folder):
    for name, toys in (("photos", (1, 1)), ("groups", (2, 4)), ("photos_test", (1, 1)), ("groups_test", (2, 4))):
        data = open_set(folder, name)
        count = len(data)
        assert data.images.shape == (count, 256, 256, 3)
        assert data.masks.shape == (count, 256, 256)
        assert toys[0] <= data.counts.min() <= data.counts.max() <= toys[1]
        there = np.arange(5)[None] < data.counts[:, None]
        assert (data.classes[there] >= 0).all()
        assert (data.classes[~there] == -1).all()
        assert data.classes.max() < len(CLASSES)
        assert 0 <= data.scenes.min() <= data.scenes.max() < len(SCENES)
        assert (data.boxes[there][:, 2:] > data.boxes[there][:, :2]).all()
        assert data.boxes.min() >= 0
        assert data.boxes.max() <= 1


def test_masks_lie_in_the_boxes_and_something_is_seen_there(folder):
    data = open_set(folder, "photos")
    for index in range(8):
        x0, y0, x1, y1 = (round(256 * float(value)) for value in data.boxes[index, 0])
        mask = data.masks[index]
        inside = mask[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1]
        assert int((mask > 128).sum()) == int((inside > 128).sum()) > 0


def test_captions_come_from_the_same_concepts(folder):
    data = open_set(folder, "groups")
    for index in range(len(data)):
        text = data.full_caption(index)
        assert all(name in text for name in data.class_names(index))
        assert data.phrase(index) in text
        assert data.caption(index, np.random.default_rng(0))


def test_training_never_sees_the_test_toys(folder):
    train, test = open_set(folder, "photos"), open_set(folder, "photos_test")
    assert train.seed != test.seed
    described = [{data.full_caption(index).split(" on ")[0] for index in range(len(data))} for data in (train, test)]
    assert len(described[0] & described[1]) < 0.3 * len(described[1])


def test_a_complete_set_is_left_alone_and_an_unfinished_one_is_named(folder):
    stamp = (folder / "groups" / "images.npy").stat().st_mtime_ns
    make_sets(folder, seed=3, photos=40, groups=12, processes=1, tell=pytest.fail)
    assert (folder / "groups" / "images.npy").stat().st_mtime_ns == stamp
    with pytest.raises(EnvironmentProblem) as error:
        open_set(folder, "nothing")
    assert error.value.code == "TOYSET_MISSING"


def test_a_set_does_not_depend_on_how_many_processes_rendered_it(folder, tmp_path):
    make_sets(tmp_path, seed=3, photos=40, groups=12, processes=1, tell=lambda _: None, kinds=(TRAINING,))
    for name in ("images", "boxes", "instances"):
        for part in ("photos", "groups"):
            np.testing.assert_array_equal(
                np.load(folder / part / f"{name}.npy"), np.load(tmp_path / part / f"{name}.npy")
            )
    assert json.loads((folder / "photos" / "set.json").read_text())["views"] == 5
