"""Pictures as a training frames them: square, near, far or mirrored, and where the loss counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.photos.images import resize
from engine.rows.values import Pixels
from planners.train.photo_views import PhotoView

LATENT = 8  # pixels of one latent


def everywhere(side: int) -> NDArray[np.float32]:
    """Ones in all latent pixels of a picture of `side` px, float32."""
    return np.ones((side // LATENT,) * 2, np.float32)


def frame(pixels: Pixels, view: PhotoView, side: int) -> Pixels:
    """A square photo of `side` pixels as a view shows it."""
    pixels = pixels[:, ::-1] if view.flip else pixels
    if view.scale == 1:
        return pixels
    scaled = round(view.scale * side)
    left, top = round(view.left * side), round(view.top * side)
    sized = resize(np.ascontiguousarray(pixels), scaled, scaled)
    if view.scale > 1:
        return sized[top : top + side, left : left + side]
    canvas = np.zeros((side, side, 3), np.uint8)
    canvas[top : top + scaled, left : left + scaled] = sized
    return canvas


def square(pixels: Pixels, side: int) -> Pixels:
    """The middle of a picture, square, at `side` pixels."""
    height, width = pixels.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    return resize(np.ascontiguousarray(pixels[top : top + edge, left : left + edge]), side, side)


def far_mask(view: PhotoView, side: int) -> NDArray[np.float32]:
    """Ones in the latent pixels inside of a far photo but for its edge; where that leaves none, in those that it fills.

    Of a third of 64 px, 2.7 latent pixels, an edge of one on each side would leave nothing to learn from.
    """
    for margin, low, high in ((1 / side, np.ceil, np.floor), (0.0, np.rint, np.rint)):
        x0, y0, x1, y1 = (round(edge * side, 6) for edge in view.trained_box(margin))
        mask = np.zeros((side, side), np.float32)
        mask[int(low(y0)) : int(high(y1)), int(low(x0)) : int(high(x1))] = 1
        if mask.any():
            break
    return mask
