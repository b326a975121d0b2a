import base64
import io
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from engine.errors import SampleError
from engine.photos.decode_photo import MAX_BYTES, MAX_PIXELS, decode_photo
from engine.photos.images import decode, encode_jpeg, encode_png, resize
from tests.support.data.color_profiles import ADOBE_RGB, DISPLAY_P3, SRGB, grey_profile, profile, seen_in
from tests.support.data.photos import PIXELS, bomb, encoded, encoded_as, moving, with_orientation

ROOT = Path(__file__).parents[3]
SMOOTH = np.stack(np.broadcast_arrays(np.arange(32) * 8, (np.arange(24) * 10)[:, None], 90), axis=-1).astype(np.uint8)


def refused(data):
    with pytest.raises(SampleError) as caught:
        decode_photo(data, where="photos/mug/0.jpg")
    assert caught.value.where == "photos/mug/0.jpg"
    assert caught.value.fix
    return caught.value.code


def png16(samples, color_type):
    """A PNG of 16 bits a channel, by hand: Pillow writes grey ones only."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = samples.shape[:2]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "JPEG"])
def test_every_kind_of_photo_becomes_rgb(kind):
    pixels = decode_photo(encoded(SMOOTH, kind, **({"lossless": True} if kind == "WEBP" else {}))).pixels
    assert pixels.shape == (24, 32, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - SMOOTH).mean() < 12, "a palette of 256 and JPEG lose a little"


def test_the_name_of_a_file_says_nothing():
    assert np.array_equal(decode_photo(encoded(PIXELS), where="a png named.jpg").pixels, PIXELS)


def test_an_empty_file_is_named_as_such():
    assert refused(b"") == "IMAGE_EMPTY"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_a_file_that_was_cut_off_is_unreadable(kind):
    assert refused(encoded(PIXELS, kind)[:-300]) == "IMAGE_UNREADABLE"


@pytest.mark.parametrize(
    "data",
    [b"\0", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"<svg/>", b"%PDF-1.7", b"\x00\x00\x00\x18ftypheic"],
)
def test_what_is_no_image_is_unreadable(data):
    assert refused(data) == "IMAGE_UNREADABLE"


def test_the_reason_is_the_same_in_every_run():
    with pytest.raises(SampleError) as caught:
        decode_photo(b"no image")
    assert "0x" not in str(caught.value), "an address in memory would make two runs differ"
    assert "JPEG, PNG" in caught.value.why


def test_formats_with_a_history_of_holes_are_not_opened():
    for kind in ("ICO", "PPM", "TGA", "PCX", "SGI"):
        assert refused(encoded(PIXELS, kind)) == "IMAGE_UNREADABLE"


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_is_taken_and_it_is_said(kind):
    photo = decode_photo(moving(kind))
    assert photo.notes == ("first_frame",)
    assert np.abs(photo.pixels[..., :3].astype(int) - decode_photo(moving("PNG")).pixels).mean() < 3
    assert photo.pixels[80, 80, 0] > photo.pixels[80, 80, 1] + 50, "the first one is red"


def test_the_depth_map_behind_a_phone_photo_makes_no_animation_of_it():
    photo = decode_photo(moving("MPO"))
    assert (photo.pixels.shape, photo.notes) == ((160, 160, 3), ())


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_converted(kind):
    assert np.abs(decode_photo(encoded_as("CMYK", SMOOTH, kind)).pixels.astype(int) - SMOOTH).mean() < 3


def test_16_bits_a_channel_become_8():
    assert np.array_equal(decode_photo(png16(PIXELS.astype(np.uint16) * 257, color_type=2)).pixels, PIXELS)
    grey = decode_photo(png16(PIXELS[..., 0].astype(np.uint16) * 257, color_type=0)).pixels
    assert np.array_equal(grey, np.repeat(PIXELS[..., :1], 3, axis=2))


def test_16_bits_keep_their_alpha():
    rgba = np.dstack([PIXELS, PIXELS[..., 0]])
    assert np.array_equal(decode_photo(png16(rgba.astype(np.uint16) * 257, color_type=6)).pixels, rgba)


def test_fractions_span_black_to_white():
    ramp = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    pixels = decode_photo(encoded(ramp, "TIFF")).pixels
    assert (pixels.min(), pixels.max(), len(np.unique(pixels))) == (0, 255, 256)
    assert decode_photo(encoded(np.full((4, 4), np.nan, np.float32), "TIFF")).pixels.shape == (4, 4, 3)


def test_a_palette_keeps_its_transparency():
    image = Image.new("P", (8, 4), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((0, 0), 0)
    sink = io.BytesIO()
    image.save(sink, "PNG", transparency=0)
    pixels = decode_photo(sink.getvalue()).pixels
    assert pixels.shape == (4, 8, 4)
    assert pixels[0, 0, 3] == 0
    assert tuple(pixels[2, 5]) == (0, 255, 0, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P"])
def test_grey_and_palettes_become_rgb_or_rgba(mode):
    assert decode_photo(encoded_as(mode, PIXELS, "PNG")).pixels.shape == (24, 32, 4 if mode == "LA" else 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_come_upright(orientation, kind):
    undo = {
        1: lambda p: p,
        2: np.fliplr,
        3: lambda p: np.rot90(p, 2),
        4: np.flipud,
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, 1),  # taken with the camera on its side: to be turned clockwise
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
        8: lambda p: np.rot90(p, -1),
    }[orientation]
    stored = np.ascontiguousarray(undo(SMOOTH))
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    upright = decode_photo(with_orientation(stored, orientation, kind, **options)).pixels
    assert upright.shape == SMOOTH.shape
    assert np.abs(upright.astype(int) - SMOOTH).mean() < 3


def test_a_broken_note_of_the_camera_costs_no_photo():
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    whole = encoded(SMOOTH, "JPEG", exif=exif)
    broken = whole.replace(b"\x01\x1a\x00\x05", b"\x01\x1a\x00\x02")
    assert broken != whole, "the resolution is now a text, which Pillow reads but cannot write"
    assert decode_photo(broken).pixels.shape == (32, 24, 3)


def test_a_bomb_is_refused_at_once_and_without_its_memory():
    data = bomb()
    assert len(data) < 100_000
    tracemalloc.start()
    began = time.process_time()
    assert refused(data) == "IMAGE_TOO_LARGE"
    spent, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spent < 0.5
    assert peak < 4_000_000


@pytest.mark.parametrize(("width", "height"), [(65_000, 65_000), (2**31 - 1, 2**31 - 1), (10_000, 6_401)])
def test_a_header_is_not_believed(width, height):
    data = bytearray(encoded(PIXELS))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    assert refused(bytes(data)) == "IMAGE_TOO_LARGE"


def test_a_huge_file_is_not_even_opened():
    assert refused(b"\xff" * (MAX_BYTES + 1)) == "IMAGE_TOO_LARGE"


def test_text_that_unpacks_to_megabytes_is_not_unpacked():
    text = b"zTXtComment\0\0" + zlib.compress(bytes(20_000_000), 9)
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    data = encoded(PIXELS)
    assert np.array_equal(decode_photo(data[:33] + chunk + data[33:]).pixels, PIXELS)


def test_what_the_engine_encodes_it_decodes():
    assert np.array_equal(decode(encode_png(PIXELS)), PIXELS)
    assert np.array_equal(decode(encode_png(PIXELS[..., 0])), PIXELS[..., 0])
    assert np.abs(decode(encode_jpeg(SMOOTH)).astype(int) - SMOOTH).mean() < 1


def test_no_colour_bleeds_in_from_the_transparent_side():
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[..., 1] = 255  # green where nothing is to be seen
    rgba[16:48, 16:48] = (200, 0, 0, 255)
    small = resize(rgba, 24, 24)
    seen = small[small[..., 3] > 8]
    assert seen[:, 1].max() < 8
    assert seen[:, 0].min() > 190


def test_a_size_that_fits_is_left_alone():
    assert resize(PIXELS, 32, 24) is PIXELS
    assert resize(PIXELS, 16, 12).shape == (12, 16, 3)


SPREAD = np.stack(np.meshgrid(*3 * [np.arange(40, 221, 20)]), axis=-1).reshape(25, 40, 3).astype(np.uint8)
"""Colours that all of the profiles can hold."""


LOSSY = {"JPEG": {"quality": 100, "subsampling": 0}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize(("colorants", "name"), [(DISPLAY_P3, "Display P3"), (ADOBE_RGB, "Adobe RGB (1998)")])
def test_one_picture_in_three_profiles_has_the_same_pixels(colorants, name, kind):
    options = LOSSY.get(kind, {}) | ({"lossless": True} if kind == "WEBP" else {})
    stored = seen_in(SPREAD, colorants)
    photo = decode_photo(encoded(stored, kind, icc_profile=profile(colorants, name), **options))
    off = np.abs(photo.pixels.astype(int) - SPREAD)
    assert photo.notes == ("profile_converted",)
    assert off.max() <= (20 if kind in LOSSY else 3)
    assert off.mean() <= 2
    ignored = decode_photo(encoded(stored, kind, **options)).pixels
    assert np.abs(ignored.astype(int) - SPREAD).max() > 20, "what it was like without"


def test_a_profile_named_srgb_changes_nothing():
    photo = decode_photo(encoded(SPREAD, "PNG", icc_profile=profile(SRGB, "sRGB IEC61966-2.1")))
    assert photo.notes == ()
    assert np.array_equal(photo.pixels, SPREAD)


def test_a_profile_keeps_the_alpha():
    rgba = np.dstack([seen_in(SPREAD, DISPLAY_P3), SPREAD[..., 0]])
    photo = decode_photo(encoded(rgba, "PNG", icc_profile=profile(DISPLAY_P3, "Display P3")))
    assert np.array_equal(photo.pixels[..., 3], rgba[..., 3])
    assert np.abs(photo.pixels[..., :3].astype(int) - SPREAD).max() <= 3


def test_a_grey_profile_is_converted():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    photo = decode_photo(encoded(ramp, "PNG", icc_profile=grey_profile("Gray Gamma 2.2")))
    assert photo.notes == ("profile_converted",)
    assert photo.pixels.shape == (16, 16, 3)
    assert np.abs(photo.pixels[..., 1].astype(int) - ramp).max() <= 9, "gamma 2.2 is close to the curve of sRGB"


@pytest.mark.parametrize("broken", [b"no profile", grey_profile("grey")], ids=["garbage", "of another mode"])
def test_a_broken_profile_is_taken_as_srgb_and_it_is_said(broken):
    photo = decode_photo(encoded(SPREAD, "PNG", icc_profile=broken))
    assert photo.notes == ("profile_broken",)
    assert np.array_equal(photo.pixels, SPREAD)


def test_a_text_of_megabytes_costs_no_photo():
    texts = PngImagePlugin.PngInfo()
    texts.add_text("workflow", "x" * 3_000_000, zip=True)
    texts.add_text("parameters", "y" * 3_000_000)
    assert np.array_equal(decode_photo(encoded(SMOOTH, "PNG", pnginfo=texts)).pixels, SMOOTH)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_dark_photo_of_16_bits_stays_dark(kind):
    dark = decode_photo(encoded(np.full((8, 8), 200 * 16, np.uint16), kind)).pixels
    assert set(np.unique(dark)) == {12}


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000", "JXL"])
def test_newer_kinds_of_photo_are_read(kind):
    options = {"AVIF": {"quality": 95}, "JPEG2000": {}, "JXL": {"quality": 95}}[kind]
    pixels = decode_photo(encoded(SMOOTH, kind, **options)).pixels
    assert np.abs(pixels.astype(int) - SMOOTH).mean() < 4


HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9j"
    "AAAAAERAAAEAAQAAAAABoQABAAAAAAAAAUEAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/Wlw"
    "cnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AA"
    "AAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAA"
    "QAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWB"
    "AgMFhAAAAUltZGF0AAABPSgBrwT44//+XvUZOCev+qkrrPQdwqqQo6p0/CwYtix/TsWfvHyf8jf1avqwWKOkPu3GWp3VGENwqTrrxKYPRXwv"
    "ZfbfceRUm530ajVt9tvDbRlQofwwSwb2LW4n7ARAscI1Mmz5q1kR26Jl8pEC8JTPOstQ3rJJh1OSQ3LLCBP4Zlq6wi2gWwaPsnv336T/0CUg"
    "PbF3+/Gat2mHrfewi3dMjoIpGXTFxJUMLn8NpserUqW+CvVmv77hO745Q6tcgzlNUlcsLjLzBhzlD9TpaA3mT3R6NLY6IPKuv9bY1B+zqigD"
    "Xutqyy9h4j8Fbi0kIItV0RFGBlCkwwDv8rs1bc5IW+C5ZaWoOflGz5XObxVy3aOLJ7HUnJtY3709HXIh0522VcPLJdqg1GoJzm2RBzMN0dZb"
    "m4ghQRtqu0RA"
)

"""`SMOOTH`, but of 64 x 48 pixels and slopes of 4 and 5, as a phone would write it."""


def test_what_iphones_write_is_read():
    pixels = decode_photo(HEIC).pixels
    y, x = np.mgrid[:48, :64]
    assert np.abs(pixels.astype(int) - np.stack(np.broadcast_arrays(4 * x, 5 * y, 90), axis=-1)).mean() < 4


def test_a_reader_that_is_not_installed_is_named():
    jxl = b"\xff\x0a" + bytes(100)
    with pytest.raises(SampleError, match=r"IMAGE_(NO_READER|UNREADABLE)"):
        decode_photo(jxl)
    program = (
        "import sys; sys.modules['pi_heif'] = None\nfrom engine.photos.decode_photo import decode_photo\n"
        "from tests.engine.photos.test_decode_photo import HEIC\ndecode_photo(HEIC, where='a.heic')"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "IMAGE_NO_READER  a.heic" in told.stderr
    assert "pip install pi-heif" in told.stderr


def test_a_jpeg_of_108_megapixels_is_decoded_at_a_half_within_its_memory():
    data = encoded(np.full((9000, 12_000, 3), (200, 120, 40), np.uint8), "JPEG")
    tracemalloc.start()
    photo = decode_photo(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert photo.notes == ("reduced",)
    assert photo.pixels.shape == (4500, 6000, 3)
    assert photo.pixels.shape[0] * photo.pixels.shape[1] <= MAX_PIXELS
    assert peak < 400_000_000
