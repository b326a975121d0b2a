import numpy as np

from engine.compose.scenery.textures import TILE, Camera, lay, noise, relief


def _rng():
    return np.random.Generator(np.random.Philox(3))


def test_noise_is_centred_and_repeats_without_a_seam():
    field = noise(_rng(), (4, 4), 128, 128)
    assert abs(float(field.mean())) < 1e-4
    assert abs(float(field.std()) - 1) < 1e-3
    inner = np.abs(np.diff(field, axis=1)).mean()
    across = np.abs(field[:, 0] - field[:, -1]).mean()
    assert across < 2 * inner


def test_a_tile_is_foreshortened_towards_the_line():
    stripes = np.zeros((TILE, TILE, 3), np.float32)
    stripes[::64] = 255
    stripes[1::64] = 255
    ground = lay(stripes, Camera(256, 100, 0.3), 1.0)[:, 128, 0]
    peaks = np.flatnonzero((ground[1:-1] > ground[:-2]) & (ground[1:-1] >= ground[2:]) & (ground[1:-1] > 40))
    gaps = np.diff(peaks)
    assert len(gaps) > 4
    assert gaps[-1] > gaps[0]


def test_the_distance_fades_to_the_mean_instead_of_flickering():
    rng = _rng()
    checks = rng.choice([0.0, 255.0], (TILE, TILE, 1)).repeat(3, 2).astype(np.float32)
    ground = lay(checks, Camera(256, 80, 0.3), 1.0)[..., 0]
    assert ground[:3].std() < 0.5 * ground[-20:].std()


def test_slopes_that_face_the_sun_are_brighter():
    height = np.tile(np.concatenate([np.arange(32), np.arange(32, 0, -1)]).astype(np.float32), (64, 1)) / 10
    lit = relief(height, -1.0, 0.5)
    assert lit[32, 10] > 1 > lit[32, 50]
