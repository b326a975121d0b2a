"""Toys on paper: one colour around them, nothing cut, the same view every time."""

import numpy as np
import pytest

from actors.micro.studio_views import SLACK, alone
from engine.toybox.sets import make_sets, open_set


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toys")
    make_sets(folder, seed=5, photos=40, scenes=4, processes=2, tell=lambda _: None, kinds=("",))
    return open_set(folder, "photos")


def test_a_toy_stands_whole_on_one_colour(photos):
    for index in range(len(photos)):
        view = alone(photos, index, 96).astype(int)
        edge = np.concatenate([view[0], view[-1], view[:, 0], view[:, -1]])
        color = np.median(edge, axis=0)
        assert (np.abs(edge - color).max(axis=1) > 2).mean() < 0.05
        covered = (np.abs(view - color).max(axis=2) > 8).mean()
        x0, y0, x1, y1 = photos.boxes[index, 0]
        mask = (photos.masks[index] > 128).mean() / max(x1 - x0, y1 - y0) ** 2
        assert 0.5 * mask / (1 + SLACK[1]) ** 2 < covered < 1.5 * mask / (1 + SLACK[0]) ** 2


def test_a_view_depends_on_photo_and_side_alone(photos):
    assert np.array_equal(alone(photos, 3, 64), alone(photos, 3, 64))
    assert alone(photos, 3, 128).shape == (128, 128, 3)
    assert not np.array_equal(alone(photos, 3, 128)[::2, ::2], alone(photos, 3, 64))
