"""Bytes to pixels and back, through one guarded door: every photo that enters is checked before it is decoded."""

from __future__ import annotations

import io
import warnings
from typing import cast

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from engine.errors import SampleError
from engine.rows.values import Pixels

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")  # of Pillow's 43 openers, those that hold photos
MAX_PIXELS = 64_000_000
MAX_BYTES = 64 * 1024 * 1024
JPEG_QUALITY = 95  # 4:4:4; with 4:2:0 the codec alone puts 38 % of real photos below 40 dB
STILL = "MPO"  # what phones write: one JPEG photo, then its depth or gain map
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


def decode_photo(data: bytes, *, where: str = "") -> Pixels:
    """An upright RGB or RGBA photo, uint8. Grey, palette, CMYK and 16-bit photos are converted.

    Raises:
        SampleError: IMAGE_EMPTY, IMAGE_TOO_LARGE, IMAGE_ANIMATED, IMAGE_UNREADABLE.
    """
    if not data:
        raise SampleError("IMAGE_EMPTY", "the file holds no bytes", where=where, fix="replace or remove it")
    if len(data) > MAX_BYTES:
        raise _too_large(f"{len(data):,} bytes, more than {MAX_BYTES:,}", where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of bombs; the check below refuses them
            return _decode(data, where)
    except SampleError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large("the header declares a decompression bomb", where) from error
    except UnidentifiedImageError as error:  # its own words hold an address in memory: no two runs would agree
        raise _unreadable(f"it is none of {', '.join(FORMATS)}", where) from error
    except Exception as error:  # Pillow raises SyntaxError, TypeError, struct.error, … for broken bytes
        raise _unreadable(str(error) or type(error).__name__, where) from error


def _decode(data: bytes, where: str) -> Pixels:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_large(f"{image.width} x {image.height} pixels, more than {MAX_PIXELS:,}", where)
        if image.format != STILL and getattr(image, "n_frames", 1) > 1:
            raise SampleError(
                "IMAGE_ANIMATED", "holds more than one frame", where=where, fix="save one frame as JPEG or PNG"
            )
        image.load()
        return np.asarray(_to_rgb(_upright(image)))


def _upright(image: Image.Image) -> Image.Image:
    """Turned by its EXIF orientation. `ImageOps.exif_transpose` writes the EXIF anew, and fails where it is broken."""
    turn = UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float64)
        white = _white(float(values.max(initial=0.0)), fractions=image.mode == "F")
        return Image.fromarray(np.clip(values * (255.0 / white), 0, 255).astype(np.uint8)).convert("RGB")
    has_alpha = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


def _white(peak: float, *, fractions: bool) -> float:
    """The value that white has: such files do not say which scale they use."""
    if fractions and peak <= 1.0:
        return 1.0
    return 255.0 if peak <= 255.0 else 65535.0


def _unreadable(why: str, where: str) -> SampleError:
    fix = "save it again as JPEG or PNG, or remove it"
    return SampleError("IMAGE_UNREADABLE", "not a readable image", where=where, why=why, fix=fix)


def _too_large(what: str, where: str) -> SampleError:
    return SampleError("IMAGE_TOO_LARGE", what, where=where, fix="scale it down to 64 megapixels or less")


def encode_jpeg(pixels: Pixels) -> bytes:
    """RGB as JPEG, quality 95, no chroma subsampling."""
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return sink.getvalue()


def encode_png(pixels: Pixels) -> bytes:
    """Grey, RGB or RGBA as PNG."""
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG", compress_level=3)  # 3: a quarter of the time of 6, 5 % larger
    return sink.getvalue()


def decode(data: bytes) -> Pixels:
    """Pixels of an image that this engine encoded."""
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
        return np.asarray(image)


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Area-true resampling; RGBA is weighted by its alpha, so that no colour bleeds in from the transparent side.

    RGBA is filtered with Hamming: Lanczos leaves a ghost ring of alpha 5 to 8 two pixels outside a hard edge.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(pixels)
    if image.mode != "RGBA":
        return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    premultiplied = image.convert("RGBa").resize((width, height), Image.Resampling.HAMMING)
    return cast("Pixels", np.asarray(premultiplied.convert("RGBA")))
