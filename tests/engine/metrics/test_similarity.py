import numpy as np
import pytest

from engine.metrics.similarity import (
    best_cosine,
    clipscore,
    cosine,
    cp_clip,
    cp_clip_assigned,
    mean_cosine,
    similarities,
)

AXES = np.eye(3, dtype=np.float32)


def test_no_detections_score_zero():
    scores = similarities(np.zeros((0, 3), np.float32), [AXES[:1], AXES[1:2]])
    assert cp_clip(scores, 2) == 0.0
    assert cp_clip_assigned(scores, 2) == 0.0


def test_perfect_crops_score_one():
    scores = similarities(AXES, [AXES[i : i + 1] for i in range(3)])
    assert cp_clip(scores, 3) == pytest.approx(1.0)
    assert cp_clip_assigned(scores, 3) == pytest.approx(1.0)


def test_a_missing_object_costs_its_share():
    scores = similarities(AXES[:2], [AXES[i : i + 1] for i in range(3)])
    assert cp_clip(scores, 3) == pytest.approx(2 / 3)
    assert cp_clip_assigned(scores, 3) == pytest.approx(2 / 3)


def test_two_crops_of_one_concept_fool_the_maximum_but_not_the_assignment():
    scores = similarities(AXES[[0, 0]], [AXES[:1], AXES[1:2]])
    assert cp_clip(scores, 2) == pytest.approx(1.0)
    assert cp_clip_assigned(scores, 2) == pytest.approx(0.5)


def test_references_are_averaged():
    scores = similarities(AXES[:1], [AXES[:2]])
    assert scores[0, 0] == pytest.approx(0.5)


def test_cosine_is_raw():
    assert cosine(AXES[0], -AXES[0]) == -1.0


def test_more_detections_than_concepts_are_assigned_in_no_time():
    crops = np.concatenate([np.eye(40, dtype=np.float32), -np.eye(40, dtype=np.float32)])
    scores = similarities(crops, [crops[i : i + 1] for i in range(40)])
    assert cp_clip_assigned(scores, 40) == pytest.approx(1.0)


def test_a_subject_is_compared_with_all_its_pictures_or_with_the_nearest():
    assert mean_cosine(AXES[0], AXES[:2]) == pytest.approx(0.5)
    assert best_cosine(AXES[0], AXES[:2]) == pytest.approx(1.0)


def test_clipscore_is_rescaled_and_never_negative():
    assert clipscore(0.3) == pytest.approx(0.75)
    assert clipscore(-0.3) == 0.0
