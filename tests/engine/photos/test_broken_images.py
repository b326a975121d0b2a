import struct
import zlib

import numpy as np

from engine.errors import SampleError
from engine.photos.decode_photo import decode_photo
from tests.support.data.photos import PIXELS, encoded, moving, with_orientation


def mutated(data, draw):
    """One to five bytes changed, lost, gained, flipped, or the rest cut off."""
    changed, kind = bytearray(data), draw.integers(5)
    for place in draw.integers(0, len(data), draw.integers(1, 6)):
        spot = int(place) % len(changed)
        if kind == 0:
            changed[spot] = draw.integers(256)
        elif kind == 1:
            changed[spot] ^= 1 << int(draw.integers(8))
        elif kind == 2:
            changed[spot:spot] = draw.bytes(4)
        elif kind == 3:
            del changed[spot : spot + 4]
        else:
            del changed[spot + 1 :]
    return bytes(changed)


def repaired(data):
    """A PNG with its checksums made right, so that the decoder behind them is reached."""
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        end = at + 8 + int.from_bytes(out[at : at + 4], "big")
        if end + 4 > len(out):
            break
        out[end : end + 4] = struct.pack(">I", zlib.crc32(out[at + 4 : end]))
        at = end + 4
    return bytes(out)


def test_2000_broken_images_decode_or_are_refused_and_nothing_else(capfd):
    draw = np.random.default_rng(7)
    seeds = [
        (with_orientation(PIXELS, 6, "JPEG"), bytes),
        (encoded(PIXELS), repaired),
        (with_orientation(PIXELS, 5, "TIFF", compression="tiff_lzw"), bytes),
        (encoded(PIXELS, "WEBP"), bytes),
        (moving("GIF"), bytes),
    ]
    codes = {"decoded": 0}
    for number in range(2000):
        data, mend = seeds[number % len(seeds)]
        try:
            pixels = decode_photo(mend(mutated(data, draw))).pixels
        except SampleError as error:
            codes[error.code] = codes.get(error.code, 0) + 1
        else:
            codes["decoded"] += 1
            assert pixels.dtype == np.uint8
            assert pixels.shape[2] in (3, 4)
    capfd.readouterr()  # libtiff complains on its own
    assert set(codes) <= {"decoded", "IMAGE_UNREADABLE", "IMAGE_TOO_LARGE", "IMAGE_NO_READER"}
    assert min(codes["decoded"], codes["IMAGE_UNREADABLE"]) > 200, "both ways out are taken"
