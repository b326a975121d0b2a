"""Light and colour of a cut-out brought towards the place where it will stand, as one gain and offset per channel.

Statistics are matched in the manner of Reinhard et al., "Color Transfer between Images" (2001), but only in part and
within bounds: a red cup must stay that red cup. Applied is `clip(gain * rgb + offset)`, so a row can record it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.rows.values import Pixels

GAIN_BOUNDS = (0.55, 1.3)
OFFSET_BOUND = 20.0
LUMA = np.array([0.299, 0.587, 0.114])  # Rec. 601
_EXPOSURE, _CONTRAST, _TINT = 0.4, 0.2, 0.4  # share of the way to the background's statistics
_DARKENING = 0.6  # instead of `_EXPOSURE` towards a darker place: a bright shoe in a night field is seen at once
_LIFT = 8.0  # brighter by offset is haze over the darks: little of it; darker by offset is allowed the whole bound
_TINT_BOUNDS = (0.9, 1.12)
_NORM = 6  # shades of grey: the Minkowski norm that estimates the colour of the light


@dataclass(frozen=True, slots=True)
class Tint:
    """Gain (0.55..1.3) and offset (-20..20, of 255) of red, green and blue."""

    gain: tuple[float, float, float]
    offset: tuple[float, float, float]


NEUTRAL = Tint((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))


def match(cutout: Pixels, background: Pixels, ground: Pixels) -> Tint:
    """The tint that brings a cut-out part of the way towards its background.

    With means m and deviations s of luma, f the cut-out (weighted by alpha) and b the background, half of it the whole
    picture and half the part around the object:
    contrast k = (s_b / s_f)^0.2, mean wanted m = m_f + 0.4 (m_b - m_f), or 0.6 where m_b is darker,
    exposure e = m / m_f, colour of the light c = (mean of b^6)^(1/6), divided by its own mean,
    gain = e k c^0.4, offset = m - gain m_f, each bounded. The light's colour comes from the whole picture, because
    grass is green by day too.

    Args:
        cutout: HxWx4, straight alpha.
        background: the whole picture, HxWx3.
        ground: the part of it around the object, HxWx3.
    """
    weight = cutout[..., 3].astype(np.float64)
    if weight.sum() < 255:
        return NEUTRAL
    own_mean, own_spread = _luma(cutout[..., :3], weight)
    all_mean, all_spread = _luma(background, None)
    near_mean, _ = _luma(ground, None)
    contrast = float(np.clip((max(all_spread, 8.0) / max(own_spread, 8.0)) ** _CONTRAST, 0.88, 1.12))
    brighter = 0.5 * (all_mean + near_mean) - own_mean
    wanted = own_mean + (_EXPOSURE if brighter > 0 else _DARKENING) * brighter
    exposure = float(np.clip(wanted / max(own_mean, 16.0), *GAIN_BOUNDS))
    gain = np.clip(exposure * contrast * np.clip(_light(background) ** _TINT, *_TINT_BOUNDS), *GAIN_BOUNDS)
    offset = float(np.clip(wanted - float(gain @ LUMA) * own_mean, -OFFSET_BOUND, _LIFT))
    rounded = [round(float(value), 4) for value in gain]
    return Tint((rounded[0], rounded[1], rounded[2]), (round(offset, 2),) * 3)


def apply(rgb: NDArray[np.float32], tint: Tint) -> NDArray[np.float32]:
    """`clip(gain * rgb + offset)`, RGB in 0..255, any leading shape."""
    scaled = rgb * np.asarray(tint.gain, np.float32) + np.asarray(tint.offset, np.float32)
    return np.clip(scaled, 0.0, 255.0).astype(np.float32)


def _luma(rgb: Pixels, weight: NDArray[np.float64] | None) -> tuple[float, float]:
    """Weighted mean and deviation of luma. Every third pixel: statistics need no more."""
    luma = rgb[::3, ::3].astype(np.float64) @ LUMA
    share = np.ones_like(luma) if weight is None else weight[::3, ::3]
    total = max(float(share.sum()), 1e-6)
    mean = float((luma * share).sum() / total)
    return mean, float(np.sqrt(((luma - mean) ** 2 * share).sum() / total))


def _light(background: Pixels) -> NDArray[np.float64]:
    """Colour of the light, mean 1."""
    values = background[::4, ::4].reshape(-1, 3).astype(np.float64) / 255.0
    norm = (np.power(values, _NORM).mean(axis=0) + 1e-9) ** (1.0 / _NORM)
    return np.asarray(norm / norm.mean())
