import numpy as np
import pytest

from engine.compose.backdrops import render
from engine.compose.empty_photo import square_around, take_out
from engine.compose.fill_hole import fill_hole
from engine.geometry import Box


def test_the_square_is_the_middle_one_moved_until_it_holds_the_subject():
    assert square_around(100, 200, Box(0.4, 0.2, 0.6, 0.9)) == (0, 50, 100)
    assert square_around(100, 200, Box(0.0, 0.2, 0.2, 0.9)) == (0, 0, 100)
    assert square_around(100, 200, Box(0.85, 0.2, 0.98, 0.9)) == (0, 96, 100)
    assert square_around(200, 100, Box(0.1, 0.8, 0.9, 1.0)) == (100, 0, 100)
    assert square_around(100, 200, Box(0.1, 0.2, 0.9, 0.9))[2] == 100


@pytest.mark.parametrize("place", ["beach", "kitchen", "street"])
def test_what_was_hidden_is_filled_from_what_lies_around_and_the_rest_is_kept(place):
    truth = render(place, 3, 256)
    photo, subject = truth.copy(), np.zeros((256, 256), np.uint8)
    subject[120:220, 90:170] = 255
    photo[subject > 0] = (255, 0, 255)
    emptied = take_out(photo, subject, Box(90 / 256, 120 / 256, 170 / 256, 220 / 256), 256)
    assert emptied.box == Box(90 / 256, 120 / 256, 170 / 256, 220 / 256)
    away = np.ones((256, 256), bool)
    away[90:250, 50:210] = False
    assert (emptied.pixels[away] == photo[away]).all()
    error = np.abs(emptied.pixels.astype(int) - truth).mean(axis=2)[subject > 0]
    before = np.abs(photo.astype(int) - truth).mean(axis=2)[subject > 0]
    assert error.mean() < 0.25 * before.mean(), "nothing of the subject is left"


def test_the_box_follows_the_square():
    photo, subject = np.full((100, 200, 3), 90, np.uint8), np.zeros((100, 200), np.uint8)
    subject[40:90, 160:190] = 255
    emptied = take_out(photo, subject, Box(0.8, 0.4, 0.95, 0.9), 64)
    assert emptied.pixels.shape == (64, 64, 3)
    top, left, side = square_around(100, 200, Box(0.8, 0.4, 0.95, 0.9))
    assert (emptied.box.x0, emptied.box.y1) == pytest.approx(((160 - left) / side, (90 - top) / side))


def test_textures_go_on_and_horizons_stay_level():
    """A checkered ground below a plain sky, with the middle gone: what fills it has the same contrast, and no step."""
    rows, columns = np.indices((256, 256))
    ground = np.where((rows // 8 + columns // 8) % 2 == 0, 60, 180)
    truth = np.repeat(np.where(rows < 128, 220, ground)[..., None], 3, axis=2).astype(np.uint8)
    hole = np.zeros((256, 256), np.uint8)
    hole[90:200, 96:160] = 255
    filled = fill_hole(np.where(hole[..., None] > 0, np.uint8(0), truth), hole)
    assert filled[150:190, 104:152].std() > 0.6 * truth[150:190, 104:152].std()
    assert np.abs(filled[94:118, 100:156].astype(int) - 220).mean() < 12, "sky"
    assert (filled[hole == 0] == truth[hole == 0]).mean() > 0.9


@pytest.mark.parametrize("hole", [np.zeros((40, 40)), np.full((40, 40), 255), np.eye(40) * 255])
def test_any_hole_is_filled(hole):
    filled = fill_hole(np.full((40, 40, 3), 77, np.uint8), hole.astype(np.uint8))
    assert filled.shape == (40, 40, 3)
    assert np.abs(filled.astype(int) - 77).max() <= 1
