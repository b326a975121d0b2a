import numpy as np
import pytest

from engine.compose.harmonise import GAIN_BOUNDS, NEUTRAL, OFFSET_BOUND, apply, match


def _cutout(color):
    noise = np.random.default_rng(1).normal(0, 12, (40, 40, 1))
    rgb = np.clip(np.asarray(color) + noise, 0, 255)
    return np.dstack([rgb, np.full((40, 40), 255)]).astype(np.uint8)


def _scene(color):
    noise = np.random.default_rng(2).normal(0, 25, (64, 64, 1))
    return np.clip(np.full(3, color) + noise, 0, 255).astype(np.uint8)


def _mean(cutout, tint):
    return apply(cutout[..., :3].astype(np.float32), tint).mean(axis=(0, 1))


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (10, 10, 80), (128, 128, 128)])
def test_gain_and_offset_stay_within_bounds(color):
    tint = match(_cutout((120, 90, 60)), _scene(color), _scene(color))
    assert all(GAIN_BOUNDS[0] <= gain <= GAIN_BOUNDS[1] for gain in tint.gain)
    assert all(abs(offset) <= OFFSET_BOUND for offset in tint.offset)


def test_a_dark_scene_darkens_and_a_bright_one_brightens():
    cutout = _cutout((120, 120, 120))
    night, day = (match(cutout, _scene(level), _scene(level)) for level in (25, 215))
    assert _mean(cutout, night).mean() < 110
    assert _mean(cutout, day).mean() > 130


def test_warm_light_warms():
    cutout = _cutout((120, 120, 120))
    red, _, blue = _mean(cutout, match(cutout, _scene((200, 150, 90)), _scene((200, 150, 90))))
    assert red > blue + 5


def test_the_subject_keeps_its_hue():
    cutout = _cutout((200, 40, 40))
    for scene in ((40, 90, 200), (30, 160, 40), (20, 20, 60)):
        red, green, blue = _mean(cutout, match(cutout, _scene(scene), _scene(scene)))
        assert red > 2 * max(green, blue)


def test_nothing_visible_is_left_as_it_is():
    empty = np.zeros((8, 8, 4), np.uint8)
    assert match(empty, _scene(100), _scene(100)) == NEUTRAL


def test_what_is_recorded_is_what_is_applied():
    cutout = _cutout((90, 120, 60))
    tint = match(cutout, _scene(180), _scene(180))
    expected = np.clip(cutout[..., :3] * np.asarray(tint.gain) + np.asarray(tint.offset), 0, 255)
    assert np.allclose(apply(cutout[..., :3].astype(np.float32), tint), expected, atol=0.01)
