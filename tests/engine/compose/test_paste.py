import numpy as np
import pytest

from engine.compose.paste import crop_square, fit_cutout, over, paste, window
from engine.errors import SampleError
from engine.rows.composition import Placement

SIZE = 64


def _placement(box, order=0, flip=False):
    return Placement(cutout_id=f"c{order}", box=box, flip=flip, order=order, support="ground", relative_size=1.0)


def _disc(color, side=32):
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    alpha = np.clip((side / 2 - 2 - np.hypot(x, y)) * 60 + 128, 0, 255)
    return np.dstack([np.full((side, side, 3), color), alpha]).astype(np.uint8)


def _plain(color):
    return np.full((SIZE, SIZE, 3), color, np.uint8)


def test_alpha_is_applied_once():
    half = np.full((32, 32, 4), (255, 255, 255, 128), np.uint8)
    result = paste(_plain(0), [half], [_placement((0.25, 0.25, 0.75, 0.75))], tinted=False)
    assert (result.layers[0][16:48, 16:48] == 128).all()
    assert (result.foreground[16:48, 16:48] == (255, 255, 255, 128)).all()
    assert (over(result.foreground, _plain(0))[16:48, 16:48] == 128).all()
    assert (result.repaint_mask[16:48, 16:48] == 127).all()


@pytest.mark.parametrize("backdrop", [0, 255])
def test_a_white_disc_leaves_no_ring(backdrop):
    result = paste(_plain(backdrop), [_disc(255)], [_placement((0.2, 0.2, 0.83, 0.83))], tinted=False)
    picture = over(result.foreground, _plain(backdrop))[..., 0].astype(int)
    row = picture[32, 32:]
    assert (np.diff(row) <= 0).all() if backdrop == 0 else (picture == 255).all()


def test_edge_colours_stay_those_of_the_object():
    result = paste(_plain(0), [_disc((200, 40, 90), 50)], [_placement((0.2, 0.2, 0.7, 0.7))], tinted=False)
    visible = result.foreground[result.foreground[..., 3] > 8][:, :3].astype(int)
    assert np.abs(visible - (200, 40, 90)).max() <= 20  # 8-bit steps at the faintest edge
    assert np.abs(visible - (200, 40, 90)).mean() < 1


def test_nearer_objects_hide_farther_ones_and_layers_add_up_to_the_union():
    boxes = [_placement((0.1, 0.1, 0.6, 0.6), 0), _placement((0.4, 0.4, 0.9, 0.9), 1)]
    result = paste(_plain(90), [_disc(10), _disc(240)], boxes, tinted=False)
    total = sum(layer.astype(int) for layer in result.layers)
    assert np.abs(total - result.foreground[..., 3]).max() <= 2
    assert (result.layers[0][result.layers[1] == 255] == 0).all()
    assert (result.foreground[..., 3].astype(int) + result.repaint_mask == 255).all()


def test_the_margin_grows_the_repaint_mask_into_the_object():
    box = [_placement((0.2, 0.2, 0.8, 0.8))]
    areas = [paste(_plain(9), [_disc(200)], box, margin_px=margin).repaint_mask.sum(dtype=int) for margin in (0, 2)]
    assert areas[1] > areas[0]


def test_flip_mirrors():
    cutout = np.zeros((8, 16, 4), np.uint8)
    cutout[:, :8] = (250, 0, 0, 255)
    box = (0.25, 0.25, 0.5, 0.375)
    straight, mirrored = (fit_cutout(cutout, _placement(box, flip=flip), SIZE) for flip in (False, True))
    assert np.array_equal(straight[:, ::-1], mirrored)


def test_a_cut_out_fills_its_box_and_may_touch_the_edge():
    solid = np.full((10, 10, 4), 255, np.uint8)
    result = paste(_plain(0), [solid], [_placement((0.5, 0.5, 1.0, 1.0))], tinted=False)
    assert (result.layers[0][32:, 32:] == 255).all()
    assert result.layers[0].sum(dtype=int) == 255 * 32 * 32


def test_a_box_beyond_the_canvas_is_named():
    with pytest.raises(SampleError) as caught:
        window(_placement((0.5, 0.5, 1.1, 1.0)), SIZE)
    assert caught.value.code == "PLACEMENT_OUTSIDE"


def test_read_only_inputs_are_left_alone():
    background, cutout = _plain(50), _disc(200)
    background.flags.writeable = cutout.flags.writeable = False
    result = paste(background, [cutout], [_placement((0.2, 0.2, 0.8, 0.8))])
    assert result.foreground.shape == (SIZE, SIZE, 4)


@pytest.mark.parametrize("shape", [(90, 60), (60, 90), (60, 60)])
def test_a_photo_is_cropped_with_its_ground_line_in_place(shape):
    height, width = shape
    line = 0.4
    photo = np.zeros((height, width, 3), np.uint8)
    photo[round(line * height) :] = 255
    square = crop_square(photo, line, 60)
    assert square.shape == (60, 60, 3)
    assert abs(int((square[:, 30, 0] < 128).sum()) - line * 60) <= 1
