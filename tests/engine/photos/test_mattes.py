import cv2
import numpy as np
import pytest

from engine.photos.mattes import (
    cut_borders,
    cut_out,
    fill_holes,
    foreground_colors,
    guided_filter,
    largest_component,
    soft_edge,
    tight_box,
)

RED, BLUE = np.array([200, 40, 30]), np.array([20, 60, 210])


def disc(size=96, radius=28, soft=3.0):
    y, x = np.mgrid[0:size, 0:size]
    distance = np.hypot(x - size / 2, y - size / 2)
    return np.rint(np.clip((radius - distance) / soft + 0.5, 0, 1) * 255).astype(np.uint8)


def blend(alpha):
    share = alpha[..., None] / 255
    return np.rint(RED * share + BLUE * (1 - share)).astype(np.uint8)


def test_the_largest_component_survives_without_its_holes():
    mask = np.zeros((40, 40), np.uint8)
    mask[5:25, 5:25] = 255
    mask[10:14, 10:14] = 0
    mask[30:34, 30:34] = 255
    kept = largest_component(mask)
    assert kept[11, 11] == 255
    assert kept[31, 31] == 0
    assert not largest_component(np.zeros((5, 5), np.uint8)).any()


def test_a_bay_that_reaches_the_border_is_no_hole():
    mask = np.full((20, 20), 255, np.uint8)
    mask[0:10, 8:12] = 0
    assert (fill_holes(mask) == mask).all()


def test_the_tight_box_is_exclusive_on_the_right_and_below():
    alpha = np.zeros((10, 12), np.uint8)
    alpha[2:5, 3:9] = 7
    assert tight_box(alpha) == (3, 2, 9, 5)
    assert tight_box(alpha, least=8) is None


def test_a_run_along_a_side_cuts_and_a_touch_does_not():
    alpha = np.zeros((200, 200), np.uint8)
    alpha[60:140, 0:50] = 255
    alpha[199, 100:102] = 255
    assert cut_borders(alpha) == ("left",)
    assert cut_borders(np.full((200, 200), 255, np.uint8)) == ("left", "top", "right", "bottom")


def test_the_guided_filter_keeps_an_edge_of_the_guide_and_smooths_noise():
    step = np.repeat(np.float32([0, 1]), 20)[None].repeat(40, 0)
    noisy = (step + np.random.default_rng(0).normal(0, 0.1, step.shape)).astype(np.float32)
    smooth = guided_filter(step, noisy, 4)
    assert abs(smooth - step).mean() < 0.4 * abs(noisy - step).mean()


def test_the_soft_edge_moves_a_shifted_mask_back_to_the_contour_of_the_photo():
    truth = disc()
    hard = np.where(np.roll(truth, 2, axis=1) >= 128, 255, 0).astype(np.uint8)
    alpha = soft_edge(blend(truth), hard, 4)
    error = np.abs(alpha.astype(int) - truth).mean()
    assert error < 0.7 * np.abs(hard.astype(int) - truth).mean()
    assert alpha[48, 48] == 255
    assert alpha[0, 0] == 0


def test_edge_colours_are_nearer_the_object_than_the_photo_shows_them():
    alpha = disc()
    photo = blend(alpha)
    edge = (alpha > 60) & (alpha < 220)
    seen = np.abs(photo[edge].astype(int) - RED).mean()
    cleaned = np.abs(foreground_colors(photo, alpha)[edge].astype(int) - RED).mean()
    assert cleaned < 0.25 * seen


def test_opaque_pixels_stay_bit_for_bit_what_they_were():
    alpha = disc()
    photo = np.random.default_rng(1).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    photo.flags.writeable = False
    assert (foreground_colors(photo, alpha)[alpha == 255] == photo[alpha == 255]).all()


def test_a_cut_out_is_tight_and_black_where_it_is_clear():
    alpha = disc()
    rgba = cut_out(blend(alpha), alpha)
    x0, y0, x1, y1 = tight_box(alpha)
    assert rgba.shape == (y1 - y0, x1 - x0, 4)
    assert (rgba[..., 3] == alpha[y0:y1, x0:x1]).all()
    assert not rgba[rgba[..., 3] == 0].any()
    with pytest.raises(ValueError, match="empty"):
        cut_out(blend(alpha), np.zeros_like(alpha))


def test_the_same_matte_comes_out_twice():
    truth = disc()
    hard = np.where(truth >= 128, 255, 0).astype(np.uint8)
    photo = cv2.GaussianBlur(blend(truth), (5, 5), 0)
    assert (soft_edge(photo, hard, 3) == soft_edge(photo, hard, 3)).all()
