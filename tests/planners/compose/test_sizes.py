from dataclasses import replace

import pytest

from planners.compose.sizes import METRES, may_be, real_size, relative_sizes
from tests.support.data.cutouts import cutout

DREAMBOOTH = (
    "backpack, stuffed animal, bowl, can, candle, cat, clock, sneaker, dog, toy, boot, glasses, cartoon, teapot, vase"
)


def test_the_table_knows_the_classes_of_dreambooth_and_many_more():
    assert len(METRES) >= 600
    assert all(name in METRES for name in DREAMBOOTH.split(", "))
    assert all(real_size(name) for name in ("cup", "coffee", "rocket", "astronaut", "person", "houseplant"))


@pytest.mark.parametrize(
    ("name", "same_as"),
    [
        ("Dog", "dog"),
        ("dogs", "dog"),
        ("dog7", "dog"),
        ("red_sports_car", "car"),
        ("coffee cups", "cup"),
        ("boxes", "box"),
        ("puppies", "puppy"),
        ("glasses", "sunglasses"),
        ("toy car", "toy"),
        ("stuffed rhino-beast", "toy"),
        ("stuffed animal", "teddy bear"),
    ],
)
def test_a_class_is_found_under_its_other_spellings(name, same_as):
    assert real_size(name) == METRES[same_as]


@pytest.mark.parametrize("name", ["", "  ", "12", "flumph", "猫", "\x00", "glass eye of newts"])
def test_an_unknown_class_has_no_size(name):
    assert real_size(name) is None


def test_the_largest_is_one_and_nothing_is_below_two_fifths():
    ratios = relative_sizes([cutout(name) for name in ("bus", "car", "coin", "flumph")])
    assert ratios[0] == ratios[3] == 1.0
    assert 0.7 < ratios[1] < 0.85
    assert ratios[2] == 0.4


def test_ratios_are_those_of_the_published_examples():
    assert relative_sizes([cutout("dog"), cutout("cat")])[1] == pytest.approx(0.8, abs=0.05)
    assert relative_sizes([cutout("bus"), cutout("car")])[1] == pytest.approx(0.7, abs=0.05)
    assert relative_sizes([]) == ()


def test_what_the_library_says_of_a_size_counts_more_than_its_class():
    huge = replace(cutout("mug"), metres=2.0)
    assert relative_sizes([huge, cutout("cup"), replace(cutout("flumph"), metres=0.72)]) == (
        1.0,
        0.4,
        pytest.approx(0.6),
    )


def test_only_furniture_carries_and_only_fliers_fly():
    assert may_be("wooden tables", "surface")
    assert may_be("kite", "air")
    assert not may_be("dog", "air")
    assert not may_be("", "surface")
