"""Distances are bounds: a marcher that steps by them never passes through a surface."""

import numpy as np
import pytest

from engine.toybox.classes import FORMS
from engine.toybox.shapes.distance_fields import box, capsule, ellipsoid, lathe, prism, sphere, torus
from engine.toybox.shapes.parts import ToyPart


def cloud(seed=0, count=4000, reach=1.6):
    return tuple(np.random.default_rng(seed).uniform(-reach, reach, (3, count)).astype(np.float32))


@pytest.mark.parametrize(
    ("field", "inside", "outside", "distance"),
    [
        (lambda p: sphere(p, (0, 0, 0), 0.5), (0, 0, 0), (1, 0, 0), 0.5),
        (lambda p: box(p, (0, 0, 0), (0.5, 0.2, 0.3)), (0.4, 0.1, 0.2), (0, 1, 0), 0.8),
        (lambda p: capsule(p, (0, 0, 0), (0, 1, 0), 0.2), (0, 0.5, 0), (0.7, 0.5, 0), 0.5),
        (lambda p: torus(p, (0, 0, 0), 0.6, 0.1), (0.6, 0, 0), (1, 0, 0), 0.3),
        (lambda p: ellipsoid(p, (0, 0, 0), (0.8, 0.4, 0.4)), (0.7, 0, 0), (1.0, 0, 0), 0.2),
        (lambda p: lathe(p, [(-0.5, 0.4), (0.5, 0.4)]), (0, 0, 0), (0.9, 0, 0), 0.5),
        (lambda p: prism(p, [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)], 0.2), (0, 0, 0), (1.06, 0, 0), 0.5),
    ],
)
def test_a_field_is_negative_inside_and_right_on_an_axis(field, inside, outside, distance):
    points = tuple(np.array([a, b], np.float32) for a, b in zip(inside, outside, strict=True))
    values = field(points)
    assert values[0] < 0
    assert values[1] == pytest.approx(distance, abs=0.03)
    assert values.dtype == np.float32


@pytest.mark.parametrize("name", FORMS)
def test_a_toy_changes_no_faster_than_a_step_allows(name):
    """The marcher steps 0.92 of the distance: a field that grows by more than 1.6 a unit would be stepped through."""
    points, step = cloud(), np.float32(0.01)
    for shape in ((0.1, 0.9, 0.2, 0.8), (0.9, 0.1, 0.8, 0.2)):
        here = np.min([d for _, d in FORMS[name].solid(points, shape)], axis=0)
        for axis in range(3):
            moved = tuple(value + step * (axis == number) for number, value in enumerate(points))
            there = np.min([d for _, d in FORMS[name].solid(moved, shape)], axis=0)
            slopes = np.abs(there - here)[here < 0.5] / step
            assert np.percentile(slopes, 99) < 1.6, axis


@pytest.mark.parametrize("name", FORMS)
def test_a_toy_fits_its_frame_and_shows_its_own_paint(name):
    points = cloud(1, 20000, 1.7)
    parts = FORMS[name].solid(points, (0.5, 0.5, 0.5, 0.5))
    total = np.min([d for _, d in parts], axis=0)
    assert (total < 0).mean() > 0.003
    far = np.sqrt(sum(value * value for value in points)) > 1.75
    assert not (total[far] < 0).any()
    assert ToyPart.MAIN in {part for part, _ in parts}
