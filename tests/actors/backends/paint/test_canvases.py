"""What a painting model may hand back, and what is made of it."""

import numpy as np
import pytest
import torch

from actors.backends.paint.canvases import Halving, to_pixels
from engine.errors import SampleError
from engine.rows.composition import Composition

SIDE = 192


def row(light=200):
    return Composition(
        sample_id="0000000001", unit_id=0, seed=1,
        background=np.full((SIDE, SIDE, 3), light, np.uint8), foreground=np.zeros((SIDE, SIDE, 4), np.uint8),
    )  # fmt: skip


def picture(black=()):
    values = np.random.default_rng(0).uniform(0.3, 0.9, (SIDE, SIDE, 3)).astype(np.float32)
    for place in black:
        values[place] = 0
    return values


TILE = (slice(64, 128), slice(0, 64))


def test_a_black_tile_where_there_was_light_is_no_picture():
    answer = to_pixels(picture([TILE]), row())
    assert isinstance(answer, SampleError)
    assert (answer.code, answer.where) == ("PAINT_BLANK", "0000000001")
    assert to_pixels(picture(), row()).shape == (SIDE, SIDE, 3)


def test_night_may_be_painted_black():
    assert to_pixels(picture([TILE]), row(light=20)).dtype == np.uint8


@pytest.mark.parametrize("bad", [np.full((SIDE, SIDE, 3), np.nan, np.float32), np.zeros((SIDE, SIDE, 3), np.float32)])
def test_a_blank_picture_is_painted_once_more_with_more_digits(bad):
    asked = []

    def again(rows):
        asked.append(len(rows))
        return picture()[None]

    answers = Halving(lambda rows: np.stack([picture(), bad, picture()]), "a model", again)([row()] * 3)
    assert all(isinstance(answer, np.ndarray) for answer in answers)
    assert asked == [1], "that row alone, once"
    (still,) = Halving(lambda rows: bad[None], "a model", lambda rows: bad[None])([row()])
    assert still.code == "PAINT_BLANK"


def test_a_card_on_which_more_digits_do_not_fit_costs_that_row_alone():
    def again(rows):
        message = "CUDA out of memory"
        raise torch.cuda.OutOfMemoryError(message)

    answers = Halving(lambda rows: np.stack([np.zeros((SIDE, SIDE, 3), np.float32), picture()]), "m", again)(
        [row()] * 2
    )
    assert [getattr(answer, "code", "") for answer in answers] == ["PAINT_BLANK", ""]
