import numpy as np

from engine.compose.backdrops import BACKDROPS, render
from engine.photos.ground_line import USUAL, estimate_ground_line

CROPS = ((0, 256), (0, 190), (60, 256), (0, 215))
"""Rows of a drawn place that are kept: its ground line then lies at 0.28 to 0.68."""


def test_the_ground_of_drawn_places_is_found_wherever_it_begins():
    found, usual = [], []
    for name, backdrop in BACKDROPS.items():
        picture = render(name, 1, 256)
        for first, last in CROPS:
            truth = (backdrop.ground_line * 256 - first) / (last - first)
            found.append(abs(estimate_ground_line(picture[first:last]) - truth))
            usual.append(abs(0.55 - truth))
    assert np.mean(found) < 0.05
    assert np.mean(found) < np.mean(usual) / 2


def test_a_plain_surface_has_its_ground_in_the_middle():
    assert abs(estimate_ground_line(np.full((90, 120, 3), 130, np.uint8)) - USUAL) < 0.02


def test_any_shape_of_photo_has_a_ground_line_between_a_fifth_and_three_quarters():
    noise = np.random.default_rng(0)
    for shape in ((1, 1, 3), (3, 400, 3), (400, 3, 3), (97, 31, 3)):
        assert 0.2 <= estimate_ground_line(noise.integers(0, 256, shape, np.uint8)) <= 0.75
