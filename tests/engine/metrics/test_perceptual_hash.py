import numpy as np
import pytest
from PIL import Image

from engine.compose.backdrops import catalogue, render
from engine.metrics.perceptual_hash import distance, phash
from engine.photos.images import decode, encode_jpeg

NAMES = [item.scene for item in catalogue()][:8]


@pytest.fixture(scope="module")
def pictures():
    return [render(name, seed, 96) for name in NAMES for seed in (0, 1)]


def test_a_copy_that_was_compressed_scaled_or_made_brighter_is_close(pictures):
    for picture in pictures:
        own = phash(picture)
        brighter = np.clip(picture.astype(int) + 8, 0, 255).astype(np.uint8)
        scaled = np.asarray(Image.fromarray(picture).resize((64, 64), Image.Resampling.LANCZOS))
        for copy in (decode(encode_jpeg(picture)), brighter, scaled):
            assert distance(own, phash(copy)) <= 8


def test_pictures_of_different_places_are_far(pictures):
    hashes = [phash(picture) for picture in pictures]
    apart = [distance(a, b) for place, a in enumerate(hashes) for b in hashes[place + 1 :]]
    assert np.median(apart) > 12


def test_a_hash_is_a_signed_integer_of_64_bits(pictures):
    hashes = [phash(picture) for picture in pictures]
    assert all(-(1 << 63) <= value < 1 << 63 for value in hashes)
    assert max(hashes) < 0, "the mean brightness is above the median of what varies: the first bit"
    assert distance(-1, 0) == 64
    assert distance(hashes[0], hashes[0]) == 0
