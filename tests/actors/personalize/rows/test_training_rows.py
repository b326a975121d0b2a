import numpy as np
import pytest

from actors.personalize.rows.training_rows import Composed, ComposedRow, EncodedPhoto, Photos
from engine.errors import SampleError
from engine.photos.images import decode, encode_png
from planners.train.prompts import PromptStrategies, name_concepts

WORDS = name_concepts({"my mug": "mug", "rex": "dog"})
SIDE = 64
BOXES = ((0.0, 0.0, 0.5, 0.5), (0.5, 0.25, 1.0, 1.0))


def picture(seed=0, height=SIDE, width=SIDE):
    return np.random.default_rng(seed).integers(1, 255, (height, width, 3), dtype=np.uint8)


def photos(**options):
    made = [EncodedPhoto(f"rex-{number}", encode_png(picture(number, 80, 64)), WORDS[1]) for number in range(5)]
    return Photos(made, 7, **{"augment": True, "flip": True, **options})


def test_a_far_photo_counts_where_it_stands_and_a_near_one_everywhere():
    seen = [photos().show(number % 5, str(number), SIDE) for number in range(200)]
    words = {one.prompt.partition("photo")[0].strip() for one in seen}
    assert words == {"", "a far away", "very small", "zoomed in", "close up"}
    for one in seen:
        assert (one.pixels.shape, one.pixels.dtype) == ((SIDE, SIDE, 3), np.uint8)
        assert (one.mask.shape, one.mask.dtype) == ((8, 8), np.float32)
        assert one.prompt.endswith("photo of a <new2> dog")
        empty = (one.pixels.reshape(8, 8, 8, 8, 3) == 0).all((1, 3, 4))
        assert empty.any() == ("far" in one.prompt or "small" in one.prompt)
        assert 0 < one.mask.sum() <= 64
        assert not (one.mask[empty]).any(), "nothing is learned from the empty canvas"


def test_a_class_is_shown_whole_and_without_the_token():
    seen = [photos(of_class=True).show(number % 5, str(number), SIDE) for number in range(50)]
    assert {one.prompt for one in seen} == {"photo of a dog"}
    assert all(one.mask.all() for one in seen)


def test_what_a_row_shows_follows_from_its_draw_alone():
    one, other = (photos().show(3, "12/1", SIDE) for _ in range(2))
    assert np.array_equal(one.pixels, other.pixels)
    assert one.prompt == other.prompt


def composed(template, flip=True):
    row = ComposedRow("0000000001", 0, template, ("rex", "my mug"), ("dog", "mug"), BOXES, "on a beach")
    return Composed([row], lambda _row: encode_png(picture()), WORDS, PromptStrategies(), 7, flip=flip)


def test_a_composed_row_is_its_picture_under_a_caption_with_tokens():
    shown = composed("{obj_1} and {obj_2} on a beach", flip=False).show(0, "0/0", SIDE)
    assert np.array_equal(shown.pixels, decode(encode_png(picture())))
    assert shown.prompt == "a <new2> dog and a <new1> mug on a beach"
    assert shown.mask.all()


def test_a_picture_whose_caption_says_left_or_right_is_never_mirrored():
    def mirrored(template):
        rows = composed(template)
        return sum(not np.array_equal(rows.show(0, str(n), SIDE).pixels, picture()) for n in range(40))

    assert 8 < mirrored("{obj_1} and {obj_2}") < 32
    assert mirrored("{obj_1} to the left of {obj_2}") == 0


def test_a_row_whose_caption_lacks_an_object_is_named():
    with pytest.raises(SampleError, match=r"TRAIN_CAPTION(.|\n)*obj_2"):
        composed("{obj_1} alone")


def test_what_drawings_are_compared_with_are_photos_of_a_concept_or_its_boxes():
    assert len(photos().references("rex", 3)) == 3
    assert photos().references("my mug", 3) == []
    (mug,) = composed("{obj_1} and {obj_2}").references("my mug", 4)
    assert np.array_equal(mug, decode(encode_png(picture()))[16:, 32:])
