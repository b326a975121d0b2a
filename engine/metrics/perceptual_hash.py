"""A perceptual hash: pictures that look alike have hashes that differ in few bits.

Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010: the low frequencies of a small grey
picture, each above or below their median.
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.rows.values import Pixels

SIDE, LOW = 32, 8


def phash(image: Pixels) -> int:
    """64 bits of an HxWx3 picture, as a signed integer: two's complement, so that Parquet's int64 holds them."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:LOW, :LOW].ravel()
    bits = low > np.median(low)
    return int(np.packbits(bits).view(">i8")[0])


def distance(one: int, other: int) -> int:
    """Bits in which two hashes differ, 0 to 64."""
    return ((one ^ other) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()
