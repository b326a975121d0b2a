import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from actors.backends.segment.grabcut import GrabCut
from actors.compose.segment import Segment
from engine.errors import SampleError
from engine.photos.decode_photo import decode_photo
from engine.photos.mattes import cut_borders

DATA = Path(os.environ.get("MYCANVAS_DATA", Path(__file__).parents[5] / "shared" / "data"))


def scene(centre=(150, 130), axes=(60, 45), size=(260, 300), seed=0):
    """A textured ellipse on a gradient with grain: photo and mask."""
    draws = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    ground = np.stack([90 + 60 * y / height, 120 + 50 * x / width, 150 + 30 * y / height], axis=2)
    stripes = np.where((x + y) // 9 % 2 == 0, 200, 150)
    thing = np.stack([stripes, stripes * 0.45, stripes * 0.2], axis=2)
    mask = ((x - centre[0]) / axes[0]) ** 2 + ((y - centre[1]) / axes[1]) ** 2 <= 1
    soft = cv2.GaussianBlur(mask.astype(np.float64), (0, 0), 1.0)[..., None]
    photo = thing * soft + ground * (1 - soft) + draws.normal(0, 4, (height, width, 3))
    return np.clip(photo, 0, 255).astype(np.uint8), mask


def overlap(alpha, mask):
    return np.count_nonzero((alpha >= 128) & mask) / np.count_nonzero((alpha >= 128) | mask)


@pytest.mark.parametrize(
    ("centre", "axes", "size"),
    [((150, 130), (60, 45), (260, 300)), ((110, 180), (50, 70), (300, 240)), ((330, 260), (120, 90), (560, 640))],
)
def test_a_textured_ellipse_on_a_gradient_is_found(centre, axes, size):
    photo, mask = scene(centre, axes, size)
    matte = GrabCut(Segment())(photo)
    assert matte.alpha.shape == photo.shape[:2]
    assert overlap(matte.alpha, mask) >= 0.9
    assert 0.7 < matte.quality <= 1


def test_the_edge_is_soft():
    photo, _ = scene()
    alpha = GrabCut(Segment())(photo).alpha
    assert 50 < np.count_nonzero((alpha > 10) & (alpha < 245)) < 0.1 * alpha.size


def test_a_subject_that_leaves_the_photo_at_three_sides_touches_them():
    photo, mask = scene(centre=(150, 230), axes=(180, 150))
    matte = GrabCut(Segment())(photo)
    assert cut_borders(matte.alpha) == ("left", "right", "bottom")
    assert overlap(matte.alpha, mask) >= 0.85


@pytest.mark.parametrize("kind", ["constant", "noise", "gradient", "tiny"])
def test_a_photo_without_an_object_fails_by_name(kind):
    y, x = np.mgrid[0:200, 0:220]
    photo = {
        "constant": np.full((200, 220, 3), 127),
        "noise": np.random.default_rng(2).integers(0, 256, (200, 220, 3)),
        "gradient": np.stack([x, y, x // 2 + y // 2], axis=2),
        "tiny": np.zeros((1, 1, 3)),
    }[kind].astype(np.uint8)
    with pytest.raises(SampleError) as caught:
        GrabCut(Segment())(photo)
    assert caught.value.code == "NOTHING_TO_CUT"


def test_the_same_bytes_come_out_twice_and_the_input_is_left_alone():
    photo, _ = scene(seed=3)
    photo.flags.writeable = False
    first, second = GrabCut(Segment())(photo), GrabCut(Segment())(photo)
    assert (first.alpha == second.alpha).all()
    assert first.quality == second.quality


@pytest.mark.parametrize("keys", [{"weights": "model.safetensors"}, {"backend": "isnet"}])
def test_weights_belong_to_the_net_that_has_some(keys):
    with pytest.raises(ValidationError, match="`weights` belongs to IS-Net"):
        Segment(**keys)


@pytest.mark.skipif(not (DATA / "dreambooth").is_dir(), reason="the photos for trying things are absent")
def test_a_rubber_duck_is_cut_out_with_confidence():
    path = DATA / "dreambooth" / "duck_toy" / "01.jpg"
    matte = GrabCut(Segment())(decode_photo(path.read_bytes()).pixels[..., :3])
    assert matte.quality > 0.9
    assert 0.05 < (matte.alpha >= 128).mean() < 0.4
    assert cut_borders(matte.alpha) == ()
