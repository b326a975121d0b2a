"""Who is who in a picture of several concepts, on tables that are made up."""

import numpy as np
import pytest

from engine.metrics.subjects import Subjects, assign, find_collapsed, is_count_right, least_likeness, swap_share

MUG, DOG = 0, 1


def subjects(likeness, labels, wanted):
    return Subjects(np.array(likeness, float).reshape(len(labels), len(wanted)), labels, wanted)


def test_each_crop_stands_for_one_concept_of_its_class():
    seen = subjects([[0.9, 0.8], [0.2, 0.7], [0.6, 0.1]], [MUG, DOG, MUG], [MUG, DOG])
    assert assign(seen) == [0, 1]
    assert assign(subjects([[0.9, 0.9]], [DOG], [MUG, DOG])) == [None, 0]
    assert assign(subjects([], [], [MUG, DOG])) == [None, None]


def test_two_things_of_one_class_are_assigned_as_a_whole():
    seen = subjects([[0.9, 0.8], [0.85, 0.1]], [MUG, MUG], [MUG, MUG])
    assert assign(seen) == [1, 0], "0.85 + 0.8 and not 0.9 + 0.1"


def test_a_swap_is_a_crop_that_looks_like_the_other():
    swapped = subjects([[0.2, 0.9], [0.8, 0.1]], [MUG, DOG], [MUG, DOG])
    assert swap_share(swapped, assign(swapped)) == 1.0
    right = subjects([[0.9, 0.2], [0.1, 0.8]], [MUG, DOG], [MUG, DOG])
    assert swap_share(right, assign(right)) == 0.0
    twins = subjects([[0.9, 0.8], [0.85, 0.6]], [MUG, MUG], [MUG, MUG])
    assert swap_share(twins, assign(twins)) == 0.5, "both look like the first: one of them is wrong"


def test_of_one_concept_or_of_nothing_there_is_no_swap():
    alone = subjects([[0.9]], [MUG], [MUG])
    assert swap_share(alone, assign(alone)) is None
    empty = subjects([], [], [MUG, DOG])
    assert swap_share(empty, assign(empty)) is None


def test_what_is_missing_or_too_unlike_has_collapsed():
    seen = subjects([[0.5, 0.4]], [MUG], [MUG, DOG])
    assert find_collapsed(seen, assign(seen), [0.4, 0.4]) == [False, True]
    assert find_collapsed(seen, assign(seen), [0.6, 0.4]) == [True, True]


@pytest.mark.parametrize(
    ("labels", "wanted", "right"),
    [([MUG, DOG], [DOG, MUG], True), ([MUG, MUG], [MUG], False), ([], [MUG], False), ([MUG], [MUG, DOG], False)],
)
def test_a_count_is_right_where_every_class_is(labels, wanted, right):
    assert is_count_right(subjects(np.zeros((len(labels), len(wanted))), labels, wanted)) == right


def test_photos_say_how_like_themselves_they_are():
    same = np.tile(np.array([1.0, 0.0], np.float32), (4, 1))
    assert least_likeness(same, 0.05) == pytest.approx(1.0)
    one_off = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    assert least_likeness(one_off, 0.0) == pytest.approx(0.0), "the photo that is like none"
    assert least_likeness(same[:2], 0.05) is None
