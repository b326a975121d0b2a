"""Pictures of the gallery: thumbnails, larger ones and masks, as WebP in base64."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from engine.errors import SampleError
from engine.photos.decode_photo import decode_photo
from engine.photos.images import shrink
from engine.rows.values import Pixels

WEBP_QUALITY = 80
MASK_SIDE = 256  # px, longest side of an object's mask on the page: enough for a tint and a cut-out
MASK_FLOOR = 8  # of 255: fainter alpha does not widen the part that a mask is cropped to


@dataclass(frozen=True, slots=True)
class Pictures:
    """A row's image as WebP in base64: empty where there is none, or where the thumbnail serves both sizes."""

    thumb: str
    large: str
    ratio: float
    alpha: bool


@dataclass(frozen=True, slots=True)
class Mask:
    """An object's alpha (a white WebP with alpha, base64) and the part of the image that it covers, xyxy in 0..1."""

    src: str
    box: tuple[float, ...]


def pictures(data: bytes | None, thumb: int, large: int | None) -> Pictures:
    """An encoded image as its thumbnail and, with `large`, a second picture; both empty where it cannot be read."""
    try:
        pixels = decode_photo(data or b"").pixels
    except SampleError:
        return Pictures("", "", 1.0, alpha=False)
    height, width, channels = pixels.shape
    second = _webp(shrink(pixels, large)) if large is not None and max(height, width) > thumb else ""
    return Pictures(_webp(shrink(pixels, thumb)), second, round(width / height, 4), alpha=channels == 4)


def crop_mask(data: bytes) -> Mask | None:
    """A mask (PNG, 8-bit grey, the whole canvas) cropped to where it is not empty; None where it is empty."""
    try:
        alpha = decode_photo(data).pixels[..., 0]
    except SampleError:
        return None
    rows, columns = np.flatnonzero(alpha.max(1) > MASK_FLOOR), np.flatnonzero(alpha.max(0) > MASK_FLOOR)
    if not rows.size:
        return None
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    cropped = shrink(np.ascontiguousarray(alpha[y0:y1, x0:x1]), MASK_SIDE)
    white = np.full((*cropped.shape, 4), 255, np.uint8)
    white[..., 3] = cropped
    height, width = alpha.shape
    part = (x0 / width, y0 / height, x1 / width, y1 / height)
    return Mask(_webp(white), tuple(round(edge, 4) for edge in part))


def _webp(pixels: Pixels) -> str:
    sink = io.BytesIO()
    # alpha_quality 60: half the bytes of 100 on mattes of photos, no alpha off by more than 13 of 255
    Image.fromarray(pixels).save(sink, "WEBP", quality=WEBP_QUALITY, alpha_quality=60, method=3)
    return base64.b64encode(sink.getvalue()).decode()
