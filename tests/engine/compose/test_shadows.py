import numpy as np

from engine.compose.shadows import with_shadows
from engine.rows.composition import Placement

SIZE = 128
GROUND = np.full((SIZE, SIZE, 3), 200, np.uint8)


def _layer():
    layer = np.zeros((SIZE, SIZE), np.uint8)
    layer[40:100, 50:80] = 255
    return layer


def _shaded(support="ground", sun=1.0, ground_line=0.4):
    placement = Placement(
        cutout_id="a",
        box=(50 / SIZE, 40 / SIZE, 80 / SIZE, 100 / SIZE),
        flip=False,
        order=0,
        support=support,
        relative_size=1.0,
    )
    picture = with_shadows(GROUND, [_layer()], [placement], sun=sun, ground_line=ground_line)
    return picture.mean(axis=-1)


def test_the_ground_is_darkest_where_the_object_touches_it():
    dark = _shaded()
    assert dark[100, 65] < 130
    assert dark[100, 65] < dark[112, 65] <= 200
    assert dark[120, 10] == 200


def test_the_shadow_falls_away_from_the_sun():
    from_right, from_left = _shaded(sun=1.0), _shaded(sun=-1.0)
    assert from_right[96, :48].sum() < from_right[96, 82:].sum() - 100
    assert np.abs(from_right[:, :] - from_left[:, ::-1]).mean() < 3


def test_no_shadow_above_the_ground_line():
    assert (_shaded(ground_line=0.74)[: int(0.72 * SIZE)] == 200).all()


def test_objects_in_the_air_leave_no_shadow_and_stacked_ones_only_touch():
    assert (_shaded(support="air") == 200).all()
    touching, standing = _shaded(support="on:0"), _shaded()
    assert touching[100, 65] < 150
    assert touching.sum() > standing.sum()


def test_the_background_is_not_written_to():
    GROUND.flags.writeable = False
    _shaded()
    assert (GROUND == 200).all()
