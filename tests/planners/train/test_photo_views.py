import numpy as np
import pytest

from planners.train.photo_views import FAR, NEAR, draw_view

VIEWS = [draw_view(3, str(number), augment=True, flip=True) for number in range(4000)]


def test_views_are_as_often_far_near_and_whole_as_the_paper_has_them():
    far = [view for view in VIEWS if view.scale < 1]
    near = [view for view in VIEWS if view.scale > 1]
    assert len(far) / 4000 == pytest.approx(2 / 3 * (0.6 - 1 / 3) / (2 / 3), abs=0.02)
    assert len(near) / 4000 == pytest.approx(1 / 3, abs=0.02)
    assert np.mean([view.flip for view in VIEWS]) == pytest.approx(0.5, abs=0.03)
    assert {view.words for view in far} == set(FAR)
    assert {view.words for view in near} == set(NEAR)
    assert {view.words for view in VIEWS if view.scale == 1} == {""}


def test_a_far_photo_stands_on_the_canvas_and_a_near_one_fills_it():
    for view in VIEWS:
        if view.scale < 1:
            x0, y0, x1, y1 = view.trained_box(1 / 64)
            assert 1 / 3 <= view.scale < 0.6
            assert 0 <= view.left < x0 < x1 < view.left + view.scale <= 1
            assert 0 <= view.top < y0 < y1 < view.top + view.scale <= 1
        else:
            assert view.trained_box(1 / 64) == (0, 0, 1, 1)
            assert view.scale == 1 or 1.2 <= view.scale <= 1.4
            assert 0 <= view.left <= view.scale - 1


def test_faces_are_shown_whole_and_a_view_can_be_drawn_again():
    plain = [draw_view(3, str(number), augment=False, flip=False) for number in range(50)]
    assert {(view.scale, view.words, view.flip) for view in plain} == {(1.0, "", False)}
    assert draw_view(3, "7", augment=True, flip=True) == VIEWS[7]
