"""Views of Toybox pictures for training: windows, mirror images, cut-outs on a colour, other light."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.rows.values import Pixels

Window = tuple[float, float, float, float]
"""x0, y0, x1, y1 in 0..1 of the picture."""
WHOLE: Window = (0.0, 0.0, 1.0, 1.0)


def random_window(draw: np.random.Generator, least: float) -> Window:
    """A square window whose side is `least` .. 1 of the picture's, anywhere in it."""
    side = float(draw.uniform(least, 1))
    x, y = (float(value) for value in draw.uniform(0, 1 - side, 2))
    return x, y, x + side, y + side


def around(box: Sequence[float] | NDArray[np.float32], draw: np.random.Generator, slack: float) -> Window:
    """The box with each edge moved by up to `slack` of its length, outwards or half as far inwards; in the picture."""
    x0, y0, x1, y1 = (float(value) for value in box)
    left, top, right, bottom = draw.uniform(-slack / 2, slack, 4)
    wide, tall = x1 - x0, y1 - y0
    return (
        max(x0 - left * wide, 0.0),
        max(y0 - top * tall, 0.0),
        min(x1 + right * wide, 1.0),
        min(y1 + bottom * tall, 1.0),
    )


def render_view(pixels: Pixels, window: Window, side: int, *, mirrored: bool = False) -> Pixels:
    """What a window shows, `side` x `side`, whatever its aspect; HxWxC or HxW uint8, smoothed where it is reduced."""
    height, width = pixels.shape[:2]
    x0, y0 = min(int(window[0] * width), width - 2), min(int(window[1] * height), height - 2)
    x1, y1 = max(round(window[2] * width), x0 + 2), max(round(window[3] * height), y0 + 2)
    part = np.ascontiguousarray(pixels[y0:y1, x0:x1])
    reduced = part.shape[0] >= side and part.shape[1] >= side
    out = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA if reduced else cv2.INTER_LINEAR)
    return np.ascontiguousarray(out[:, ::-1] if mirrored else out)


def on_color(pixels: Pixels, mask: Pixels, color: Sequence[int] | NDArray[np.int64]) -> Pixels:
    """An HxWx3 picture, all but the object (HxW, 0..255) replaced by one colour."""
    share = mask[..., None].astype(np.float32) / 255
    return np.rint(pixels * share + np.asarray(color, np.float32) * (1 - share)).astype(np.uint8)


def stack_pictures(pictures: Sequence[Pixels], device: torch.device) -> Tensor:
    """Bx3xSxS float32 in 0..1 of B SxSx3 uint8 pictures."""
    return torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2).float() / 255


def relit(x: Tensor, draw: np.random.Generator, strength: float) -> Tensor:
    """Pictures under other light: contrast, brightness and a tint for each; Bx3xHxW in 0..1, the same out."""
    count = len(x)
    gain = 1 + strength * draw.uniform(-1, 1, (count, 1, 1, 1)) + strength / 4 * draw.uniform(-1, 1, (count, 3, 1, 1))
    shift = strength / 2 * draw.uniform(-1, 1, (count, 1, 1, 1))
    gains, shifts = (torch.from_numpy(value.astype(np.float32)).to(x.device) for value in (gain, shift))
    return ((x - 0.5) * gains + 0.5 + shifts).clamp(0, 1)
