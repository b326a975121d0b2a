import numpy as np
import pytest

from engine.photos.saliency import (
    SIDES,
    barrier_distance,
    contour_steps,
    edge_sharpness,
    rim,
    unlike_clusters,
    unlike_sides,
)


def island(size=60):
    """A bright square on a dark gradient, Lab, and its mask."""
    lab = np.zeros((size, size, 3), np.float32)
    lab[..., 0] = np.linspace(20, 40, size)
    mask = np.zeros((size, size), np.uint8)
    mask[20:40, 20:40] = 255
    lab[mask > 0] = (80, 30, 10)
    return lab, mask


def test_a_walled_island_is_far_from_the_border_and_a_gradient_is_not():
    lab, mask = island()
    distance = barrier_distance(lab, rim(lab.shape, SIDES, 1))
    assert distance[mask > 0].min() > 80
    assert distance[mask == 0].max() < 21


def test_seeds_on_three_sides_let_a_subject_stand_on_the_fourth():
    lab, _ = island()
    lab[20:, 20:40] = (80, 30, 10)
    assert barrier_distance(lab, rim(lab.shape, SIDES, 1))[50, 30] == 0
    assert barrier_distance(lab, rim(lab.shape, SIDES[:3], 1))[50, 30] > 80


@pytest.mark.parametrize("unlike", [unlike_clusters, lambda lab: unlike_sides(lab, SIDES)])
def test_colours_that_the_border_lacks_stand_out(unlike):
    lab, mask = island()
    distance = unlike(lab)
    assert distance[mask > 0].min() > 2 * distance[mask == 0].max()


def test_a_contour_is_as_strong_as_the_colours_beside_it_differ():
    lab = np.zeros((40, 40, 3), np.float32)
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 255
    lab[mask > 0, 0] = 25
    assert np.allclose(contour_steps(lab, mask), 25, atol=1e-3)


def test_an_edge_is_sharp_and_an_even_gradient_is_not():
    lab, mask = island()
    assert edge_sharpness(lab, mask) > 0.9
    ramp = np.zeros((60, 60, 3), np.float32)
    ramp[..., 0] = np.arange(60)
    half = np.zeros((60, 60), np.uint8)
    half[:, 30:] = 255
    assert edge_sharpness(ramp, half) < 0.5
