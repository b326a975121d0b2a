"""Bytes of strangers to pixels, through one guarded door: every photo that enters is checked before it is decoded."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile, UnidentifiedImageError

from engine.errors import SampleError
from engine.photos.color_profiles import to_srgb
from engine.rows.values import Pixels

FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000"]
"""Of Pillow's 43 openers, those that hold photos; and two that may be installed."""
with suppress(ImportError):  # HEIC, what iPhones write: LGPL, in the extra `photo`
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False)
    FORMATS.append("HEIF")
with suppress(ImportError):  # JPEG XL: GPL, in an extra of its own
    import pillow_jxl  # noqa: F401

    FORMATS.append("JXL")
MAX_PIXELS = 64_000_000
MAX_JPEG_PIXELS = 256_000_000  # phones write 200 million; a JPEG is decoded at 1/2, 1/4 or 1/8 without its full size
MAX_PROGRESSIVE_PIXELS = 128_000_000  # libjpeg holds all coefficients of these, 3 to 6 bytes a pixel
MAX_BYTES = 128 * 1024 * 1024
STILL = ("MPO", "HEIF")  # what phones write: one photo, then its depth or gain map, or more of the same moment
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a photo upright, by its EXIF orientation."""
Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS // 2  # Pillow refuses at twice its limit; the checks here are the nearer ones

CONVERTED, BROKEN_PROFILE, FIRST_FRAME, REDUCED = "profile_converted", "profile_broken", "first_frame", "reduced"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_PNG = b"\x89PNG\r\n\x1a\n"
_UNREAD = {
    b"heic": "heic", b"heix": "heic", b"heim": "heic", b"heis": "heic", b"hevc": "heic", b"mif1": "heic",
    b"msf1": "heic",
}  # fmt: skip
_JXL = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """An upright photo in sRGB: `pixels` HxWx3 or HxWx4 uint8.

    Attributes:
        notes: what was done to it, of "profile_converted", "profile_broken" (taken as sRGB), "first_frame" (of several)
            and "reduced" (a JPEG of more than 64 megapixels).
    """

    pixels: Pixels
    notes: tuple[str, ...] = ()


def decode_photo(data: bytes, *, where: str = "") -> DecodedPhoto:
    """An upright RGB or RGBA photo in sRGB. Grey, palette, CMYK and 16-bit photos are converted.

    Raises:
        SampleError: IMAGE_EMPTY, IMAGE_TOO_LARGE, IMAGE_NO_READER, IMAGE_UNREADABLE.
    """
    if not data:
        raise SampleError("IMAGE_EMPTY", "the file holds no bytes", where=where, fix="replace or remove it")
    if len(data) > MAX_BYTES:
        raise _too_large(f"{len(data):,} bytes, more than {MAX_BYTES:,}", where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of bombs; the checks below refuse them
            return _decode(_without_texts(data), where)
    except SampleError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large("the header declares a decompression bomb", where) from error
    except UnidentifiedImageError as error:  # its own words hold an address in memory: no two runs would agree
        raise _no_reader(data, where) from error
    except Exception as error:  # Pillow raises SyntaxError, TypeError, struct.error, … for broken bytes
        raise _unreadable(str(error) or type(error).__name__, where) from error


def _decode(data: bytes, where: str) -> DecodedPhoto:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        notes = [FIRST_FRAME] if image.format not in STILL and getattr(image, "n_frames", 1) > 1 else []
        if _reduce(image, where):
            notes.append(REDUCED)
        image.load()
        upright = _to_8_bits(_upright(image))
        try:
            photo, converted = to_srgb(upright)
            notes += [CONVERTED] if converted else []
        except ImageCms.PyCMSError:
            photo = upright
            notes.append(BROKEN_PROFILE)
        return DecodedPhoto(np.asarray(_to_rgb(photo)), tuple(notes))


def _reduce(image: ImageFile.ImageFile, where: str) -> bool:
    """Have a JPEG of more than `MAX_PIXELS` decoded at the largest fraction that has no more.

    Raises:
        SampleError: IMAGE_TOO_LARGE.
    """
    limit = MAX_PIXELS
    if image.format in ("JPEG", "MPO"):
        limit = MAX_PROGRESSIVE_PIXELS if image.info.get("progressive") else MAX_JPEG_PIXELS
    if image.width * image.height > limit:
        raise _too_large(f"{image.width} x {image.height} pixels, more than {limit:,}", where)
    if image.width * image.height <= MAX_PIXELS:
        return False
    fraction = next(part for part in (2, 4, 8) if image.width * image.height <= MAX_PIXELS * part**2)
    image.draft(image.mode, (image.width // fraction, image.height // fraction))
    return True


def _upright(image: Image.Image) -> Image.Image:
    """Turned by its EXIF orientation. `ImageOps.exif_transpose` writes the EXIF anew, and fails where it is broken."""
    turn = UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits as 8, palettes as their colours; the profile stays."""
    profile = {"icc_profile": image.info["icc_profile"]} if "icc_profile" in image.info else {}
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float64)
        image = Image.fromarray(np.clip(values * (255.0 / _white(image.mode, values)), 0, 255).astype(np.uint8))
    elif image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK") or "transparency" in image.info:
        has_alpha = image.mode in ("PA", "RGBa", "La") or "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
    image.info.update(profile)
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    return image.convert("RGBA" if image.mode in ("RGBA", "LA") else "RGB")


def _white(mode: str, values: np.ndarray) -> float:
    """The value of white: 65535 in 16 bits, however dark the photo; of 32 bits and fractions nobody says the scale."""
    if mode.startswith("I;16"):
        return 65535.0
    peak = float(values.max(initial=0.0))
    if mode == "F" and peak <= 1.0:
        return 1.0
    return 255.0 if peak <= 255.0 else 65535.0


def _without_texts(data: bytes) -> bytes:
    """A PNG without its text chunks: some hold megabytes of a generator's settings, which Pillow refuses to unpack."""
    if not data.startswith(_PNG) or not any(kind in data for kind in _TEXTS):
        return data
    return _PNG + b"".join(chunk for kind, chunk in _chunks(data) if kind not in _TEXTS)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and bytes of each chunk of a PNG; what is cut off comes last, as it is."""
    place = len(_PNG)
    while place < len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        yield data[place + 4 : place + 8], data[place:end]
        place = end


def _no_reader(data: bytes, where: str) -> SampleError:
    """Which reader an unknown file wants, or that it is none of ours."""
    kind = "jxl" if data.startswith(_JXL) else _UNREAD.get(data[8:12], "") if data[4:8] == b"ftyp" else ""
    if not kind or len(data) < 64:  # a name alone is no photo
        return _unreadable(f"it is none of {', '.join(FORMATS)}", where)
    name, fix = {
        "heic": ("HEIC, what iPhones write", "pip install pi-heif, on every node; or save it as JPEG"),
        "jxl": ("JPEG XL", "pip install pillow-jxl-plugin, on every node; or save it as JPEG"),
    }[kind]
    return SampleError("IMAGE_NO_READER", f"there is no reader of {name}", where=where, fix=fix)


def _unreadable(why: str, where: str) -> SampleError:
    fix = "save it again as JPEG or PNG, or remove it"
    return SampleError("IMAGE_UNREADABLE", "not a readable image", where=where, why=why, fix=fix)


def _too_large(what: str, where: str) -> SampleError:
    return SampleError("IMAGE_TOO_LARGE", what, where=where, fix="scale it down to 64 megapixels or less")
