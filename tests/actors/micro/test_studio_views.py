"""Toys on paper: one colour around them, nothing cut, the same view every time."""

import numpy as np
import pytest

from actors.micro.studio_views import SLACK, alone
from engine.toybox.sets import make_sets, open_set


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toys")
    make_sets(folder, seed=5, photos=40, groups=4, processes=2, tell=lambda _: None, kinds=("",))
    return open_set(folder, "photos")


def test_a_toy_stands_whole_on_one_colour(photos):
    for index in range(len(photos)):
        view, box = alone(photos, index, 96, np.random.default_rng(index))
        edge = np.concatenate([view[0], view[-1], view[:, 0], view[:, -1]]).astype(int)
        color = np.median(edge, axis=0)
        assert (np.abs(edge - color).max(axis=1) > 2).mean() < 0.05
        other = np.abs(view - color).max(axis=2) > 8
        x0, y0, x1, y1 = (round(96 * float(edge)) for edge in box)
        assert other[y0:y1, x0:x1].mean() > 0.2
        other[max(y0 - 2, 0) : y1 + 2, max(x0 - 2, 0) : x1 + 2] = False
        assert not other.any()
        assert 1 / (1 + SLACK[1]) - 0.03 < (box[2:] - box[:2]).max() < 1 / (1 + SLACK[0]) + 0.03


def test_a_view_is_drawn_with_the_dice_it_is_given(photos):
    one, again, other = (alone(photos, 3, 64, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
