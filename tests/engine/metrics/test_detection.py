import numpy as np
import pytest

from engine.metrics.detection import (
    Detections,
    average_precision,
    best_scores,
    first_hits,
    overlaps,
    suppress,
    surest_surplus,
    surplus,
    top_boxes,
    visible_box,
)

LEFT, RIGHT = (0.0, 0.0, 0.4, 0.4), (0.5, 0.5, 0.9, 0.9)
NEAR_LEFT = (0.0, 0.0, 0.4, 0.38)


def found(*boxes):
    """Detections from (box, score, label)."""
    return Detections(
        np.asarray([box for box, _, _ in boxes], np.float32).reshape(-1, 4),
        np.asarray([score for _, score, _ in boxes], np.float32),
        np.asarray([label for _, _, label in boxes], np.int64),
    )


def test_overlap_is_intersection_over_union():
    boxes = np.asarray([LEFT, RIGHT, (0.2, 0.0, 0.6, 0.4)], np.float32)
    assert np.allclose(overlaps(boxes, boxes), [[1, 0, 1 / 3], [0, 1, 0], [1 / 3, 0, 1]], atol=1e-6)
    assert overlaps(boxes[:0], boxes).shape == (0, 3)


def test_of_two_boxes_on_one_thing_the_surer_stays_and_other_names_are_left_alone():
    kept = suppress(found((LEFT, 0.5, 0), (NEAR_LEFT, 0.9, 0), (LEFT, 0.4, 1), (RIGHT, 0.3, 0)), 0.5)
    assert kept.scores.tolist() == pytest.approx([0.9, 0.4, 0.3])
    assert kept.labels.tolist() == [0, 1, 0]
    assert suppress(found(), 0.5).boxes.shape == (0, 4)


def test_the_visible_box_is_where_alpha_is_half_or_more():
    layer = np.zeros((100, 200), np.uint8)
    layer[20:60, 50:150] = 255
    layer[:20] = 100
    assert visible_box(layer) == (0.25, 0.2, 0.75, 0.6)
    assert visible_box(layer * 0) is None


def test_objects_are_recognised_by_boxes_of_their_own_class_alone():
    seen = found((LEFT, 0.8, 0), (NEAR_LEFT, 0.6, 0), (RIGHT, 0.7, 1))
    assert best_scores(seen, [LEFT, RIGHT, None], [0, 0, 0]) == pytest.approx([0.8, 0.0, 0.0])


def test_surplus_counts_believed_boxes_that_show_nothing_known():
    seen = found((LEFT, 0.8, 0), (NEAR_LEFT, 0.6, 0), (RIGHT, 0.7, 0), (RIGHT, 0.2, 1))
    assert surplus(seen, [LEFT], [0], 0.5) == 1
    assert surplus(seen, [LEFT], [0], 0.1) == 2
    assert surplus(found(), [LEFT], [0], 0.1) == 0
    assert surest_surplus(seen, [LEFT], [0]) == pytest.approx(0.7)
    assert surest_surplus(found((LEFT, 0.8, 0)), [LEFT], [0]) == 0.0
    assert surest_surplus(found(), [LEFT], [0]) == 0.0


def test_of_each_wanted_object_the_surest_box_counts():
    seen = found((LEFT, 0.8, 0), (RIGHT, 0.7, 1), (NEAR_LEFT, 0.6, 0), (RIGHT, 0.3, 0))
    assert top_boxes(seen, [0, 1], 0.5) == [0, 1]
    assert top_boxes(seen, [0, 0], 0.5) == [0, 2]  # two objects of one class share its boxes
    assert top_boxes(seen, [0, 0, 0], 0.5) == [0, 2]
    assert top_boxes(seen, [1, 2], 0.5) == [1]
    assert top_boxes(found(), [0], 0.5) == []


def test_average_precision_is_the_area_under_the_curve():
    scores = np.asarray([0.9, 0.8, 0.7], np.float32)
    assert average_precision(scores, np.asarray([True, True, True]), 3) == pytest.approx(1)
    assert average_precision(scores, np.asarray([True, False, True]), 2) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert average_precision(scores, np.asarray([False, True, True]), 4) == pytest.approx(2 * (2 / 3) / 4)
    assert average_precision(scores[:0], np.zeros(0, bool), 2) == 0


def test_a_second_box_on_the_same_object_is_no_hit():
    seen = found((LEFT, 0.9, 0), (NEAR_LEFT, 0.8, 0), (RIGHT, 0.7, 1))
    assert first_hits(seen, np.asarray([LEFT], np.float32), 0).tolist() == [True, False, False]
    assert first_hits(seen, np.zeros((0, 4), np.float32), 0).tolist() == [False] * 3
