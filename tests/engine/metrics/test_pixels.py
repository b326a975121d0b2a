import cv2
import numpy as np
import pytest

from engine.metrics.pixels import cut_edge, identity_psnr, seam, visible_fraction
from engine.rows.composition import Placement

SIZE = 96


def _layer(radius=24):
    y, x = np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2
    return np.clip((radius - np.hypot(x, y)) * 128 + 128, 0, 255).astype(np.uint8)


def _foreground(value=120):
    return np.dstack([np.full((SIZE, SIZE, 3), value, np.uint8), _layer()])


def _place(*boxes):
    return [
        Placement(cutout_id=str(i), box=box, flip=False, order=i, support="ground", relative_size=1.0)
        for i, box in enumerate(boxes)
    ]


def test_identity_is_capped_when_nothing_changed():
    assert identity_psnr(_foreground()[..., :3], _foreground(), _layer()) == 99.0


def test_identity_of_an_error_of_ten_is_28_db():
    stored = np.full((SIZE, SIZE, 3), 130, np.uint8)
    assert identity_psnr(stored, _foreground(), _layer()) == pytest.approx(28.13, abs=0.01)


def test_identity_ignores_the_background_and_the_edge():
    stored = np.where(cv2.erode(_layer(), np.ones((3, 3)))[..., None] >= 250, 120, 0).astype(np.uint8).repeat(3, 2)
    assert identity_psnr(stored, _foreground(), _layer()) == 99.0


def test_identity_of_nothing_is_no_number():
    assert identity_psnr(_foreground()[..., :3], _foreground(), np.zeros((SIZE, SIZE), np.uint8)) is None
    assert identity_psnr(_foreground()[..., :3], _foreground(), np.minimum(_layer(), 200)) is None


@pytest.mark.parametrize(("inside", "outside"), [(200, 60), (60, 200), (128, 128)])
def test_a_clean_edge_has_no_seam(inside, outside):
    alpha = _layer()[..., None] / 255
    picture = (inside * alpha + outside * (1 - alpha)).round().astype(np.uint8).repeat(3, 2)
    assert seam(picture, [_layer()]) < 0.01


@pytest.mark.parametrize("ring", [-60, 50])
def test_a_halo_is_a_seam(ring):
    edge = cv2.dilate(_layer(), np.ones((3, 3))).astype(int) - cv2.erode(_layer(), np.ones((3, 3)))
    picture = np.clip(128 + ring * (edge > 128), 0, 255).astype(np.uint8)[..., None].repeat(3, 2)
    assert seam(picture, [_layer()]) > 0.15


def test_texture_on_both_sides_is_no_seam():
    noise = np.random.default_rng(0).normal(128, 30, (SIZE, SIZE, 1)).clip(0, 255).astype(np.uint8).repeat(3, 2)
    assert seam(noise, [_layer()]) < 0.03


def test_seam_of_nothing_is_zero():
    assert seam(_foreground()[..., :3], []) == 0.0
    assert seam(_foreground()[..., :3], [np.zeros((SIZE, SIZE), np.uint8)]) == 0.0


def test_visible_fraction():
    whole = np.full((10, 10), 255, np.uint8)
    half = whole.copy()
    half[:5] = 0
    assert visible_fraction(half, whole) == 0.5
    assert visible_fraction(whole, whole) == 1.0
    assert visible_fraction(half, np.zeros_like(whole)) == 0.0


def test_what_was_cut_off_ends_in_a_straight_line_along_its_box():
    disc = _layer()
    assert cut_edge(disc) < 0.35
    for name, half in {"right": disc[:, :50], "left": disc[:, 50:], "top": disc[44:], "bottom": disc[:60]}.items():
        assert cut_edge(half) > 0.6, name
        assert cut_edge(half, known=[name]) < 0.35, name
    assert cut_edge(np.zeros((8, 8), np.uint8)) == 0.0
    assert cut_edge(np.full((8, 8), 255, np.uint8), known=["left", "top", "right", "bottom"]) == 0.0
