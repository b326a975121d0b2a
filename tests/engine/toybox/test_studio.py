"""Pictures of toys: the truth about them is true, and a seed decides everything."""

import numpy as np
import pytest

from engine.seeds import rng
from engine.toybox import CLASSES, SCENES
from engine.toybox.captions import full_caption, random_caption, with_article
from engine.toybox.concepts import COLORS, PATTERNS, draw_concept
from engine.toybox.studio import photograph, place, spread, view


def test_there_are_enough_classes_and_scenes():
    assert len(CLASSES) >= 24
    assert len(set(CLASSES)) == len(CLASSES)
    assert len(SCENES) >= 16
    phrases = " ".join(phrase for _, phrase in SCENES)
    for asked in ("beach", "meadow", "brick wall", "wooden table", "night", "snow"):
        assert asked in phrases


@pytest.mark.parametrize("number", range(len(CLASSES)))
def test_a_view_fills_its_frame(number):
    concept = draw_concept(3, number)
    toy = view(concept, 7, 48, sun=0.8)
    assert toy.dtype == np.uint8
    assert 44 <= max(toy.shape[:2]) <= 52
    solid = toy[..., 3] > 128
    assert solid.mean() > 0.12
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    assert rows[0] <= 4
    assert columns[0] <= 4
    assert rows[-1] >= toy.shape[0] - 5
    assert columns[-1] >= toy.shape[1] - 5
    assert np.ptp(toy[solid][:, :3]) > 20  # shaded


def test_the_light_comes_from_the_side_that_was_asked():
    ball = draw_concept(0, 0, "ball")
    left, right = (view(ball, 5, 64, sun=sun)[..., :3].astype(float).mean(-1) for sun in (-0.9, 0.9))
    half = left.shape[1] // 2
    assert left[:, :half].mean() > left[:, half:].mean()
    assert right[:, :half].mean() < right[:, half:].mean()


def test_a_photo_is_decided_by_its_seed_and_its_truth_holds():
    concept = draw_concept(1, 24)
    first, scene = photograph(concept, 11, 96)
    again, _ = photograph(concept, 11, 96)
    other, _ = photograph(concept, 12, 96)
    assert scene in dict(SCENES)
    np.testing.assert_array_equal(first.image, again.image)
    assert (first.image != other.image).any()
    x0, y0, x1, y1 = (round(96 * value) for value in first.boxes[0])
    alpha = first.layers[0]
    outside = alpha.copy()
    outside[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1] = 0
    assert outside.max() == 0
    assert (alpha > 128).sum() > 0.2 * (x1 - x0) * (y1 - y0)


def test_a_concept_keeps_its_looks_and_others_differ():
    assert draw_concept(5, 9) == draw_concept(5, 9)
    concepts = [draw_concept(5, number) for number in range(10 * len(CLASSES))]
    assert {concept.class_name for concept in concepts} == set(CLASSES)
    assert {concept.pattern for concept in concepts} == set(PATTERNS)
    assert {concept.colors[0] for concept in concepts} == set(COLORS)
    assert all(len(set(concept.colors)) == 3 for concept in concepts)
    assert len({(c.shape, c.colors, c.pattern) for c in concepts}) == len(concepts)


def test_toys_of_a_scene_stay_on_the_picture_and_in_sight():
    for number in range(40):
        draw = rng(number, "test")
        toys = [np.zeros((60, int(draw.integers(20, 60)), 4), np.uint8) for _ in range(2 + number % 4)]
        boxes = spread(draw, toys, 0.45)
        assert [box.y1 for box in boxes] == sorted(box.y1 for box in boxes)
        assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)


def test_a_place_is_lit_from_the_side_that_was_asked():
    assert {np.sign(place("beach", seed, 32, side=-1).sun) for seed in range(4)} == {-1.0}
    assert {np.sign(place("beach", seed, 32, side=1).sun) for seed in range(4)} == {1.0}


def test_captions_name_what_is_there():
    assert (
        full_caption(["red mug", "orange star"], "on the moon") == "a photo of a red mug and an orange star on the moon"
    )
    assert with_article("hourglass") == "an hourglass"
    assert with_article("yellow bell") == "a yellow bell"
    kinds = {random_caption(["mug"], ["red mug"], "on the moon", rng(seed, "caption")) for seed in range(300)}
    assert {"a mug", "mug", "a photo of a mug", "on the moon", "a photo of a red mug on the moon"} <= kinds
    assert len(kinds) < 20
