"""Pixels that this engine encodes, decodes and resizes; bytes of strangers go through `engine.photos.decode_photo`."""

from __future__ import annotations

import io
import warnings
from typing import cast

import numpy as np
from PIL import Image

from engine.errors import Damaged
from engine.limits import how_to_raise, limit_below
from engine.rows.values import Pixels

MAX_PIXELS = "MYCANVAS_MAX_PIXELS"
JPEG_QUALITY = 95  # 4:4:4; with 4:2:0 the codec alone puts 38 % of real photos below 40 dB


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
    """Pixels of an image that this engine encoded.

    Raises:
        Damaged: PIXELS_LIMIT for one that it would not have: a stranger's mask of 13,300 x 13,300 fits into 30 kB.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is the nearer one
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            pixels = image.width * image.height
            if limit := limit_below(MAX_PIXELS, pixels):
                what = f"an image of {image.width:,} x {image.height:,} pixels, more than {limit:,}"
                raise Damaged("PIXELS_LIMIT", what, fix=how_to_raise(MAX_PIXELS, pixels))
            return np.asarray(image)


def shrink(pixels: Pixels, side: int) -> Pixels:
    """The picture, made smaller where its longest side is above `side` px."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    return resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


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
