import numpy as np
import pytest

from engine.compose import backdrops
from engine.compose.backdrops import BACKDROPS, catalogue, render, sun
from engine.errors import UsageError

SIZE = 128


@pytest.mark.parametrize("name", BACKDROPS)
def test_a_backdrop_is_a_full_picture_that_its_seed_decides(name):
    first = render(name, 7, SIZE)
    assert first.shape == (SIZE, SIZE, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, render(name, 7, SIZE))
    assert not np.array_equal(first, render(name, 8, SIZE))


@pytest.mark.parametrize("name", [name for name in BACKDROPS if name != "studio"])
def test_the_ground_begins_exactly_at_the_ground_line(name):
    line = round(BACKDROPS[name].ground_line * SIZE)
    mean = np.mean([render(name, seed, SIZE) for seed in range(6)], axis=(0, 2))  # rows x channels
    steps = np.abs(np.diff(mean, axis=0)).sum(axis=1)
    assert steps[line - 2 : line + 1].max() > 4 * steps[line + 4 : line + 24].mean()


def test_backdrops_vary_in_more_than_grain():
    pictures = np.stack([render("table", seed, SIZE).mean(axis=(0, 1)) for seed in range(8)])
    assert pictures.std(axis=0).max() > 8


def test_the_catalogue_lists_every_backdrop_under_a_free_licence():
    entries = catalogue()
    assert [entry.background_id for entry in entries] == [f"procedural:{name}" for name in BACKDROPS]
    assert {entry.license for entry in entries} == {"CC0-1.0"}
    assert all(0.35 <= entry.ground_line <= 0.6 for entry in entries)
    assert all(entry.phrase and not entry.uri for entry in entries)
    assert len(entries) >= 10


def test_the_sun_stands_to_one_side():
    sides = [sun(seed) for seed in range(50)]
    assert all(0.4 < abs(side) <= 1 for side in sides)
    assert min(sides) < 0 < max(sides)


def test_a_wrong_name_is_told_the_right_ones():
    with pytest.raises(UsageError, match="there are: beach"):
        render("volcano", 1, SIZE)


def test_entries_render_by_their_scene_name():
    assert all(entry.scene in backdrops.BACKDROPS for entry in catalogue())
