"""Shadows that make pasted objects stand: a dark line of contact under each, and a soft shadow away from the light.

They are drawn on the background alone; objects are laid over them.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.compose.paste import window
from engine.rows.composition import Placement
from engine.rows.values import Pixels

Shade = NDArray[np.float32]
"""HxW, 0 (lit) to 1 (black)."""

_CONTACT, _OCCLUSION, _CAST = 0.7, 0.5, 0.55  # darkest value of each
_AMBIENT = np.array([0.96, 0.98, 1.06], np.float32)  # shade outdoors is lit by the sky: slightly blue
_SQUASH = 0.24  # a circle on the ground seen from standing height: height over width


def with_shadows(
    background: Pixels,
    layers: Sequence[Pixels],
    placements: Sequence[Placement],
    *,
    sun: float,
    ground_line: float,
    cast: float = 1.0,
) -> Pixels:
    """The background with the shadows of every object that stands on the ground or on another object.

    Args:
        background: SxSx3.
        layers: SxS soft alpha per placement.
        placements: as the layers; support "ground" casts and touches, "on:<n>" only touches, others leave no shadow.
        sun: side of the light, -1 (left) .. 1 (right).
        ground_line: 0..1; a cast shadow ends where the ground does.
        cast: how strong cast shadows are, 0..1; little where nobody knows which way the light falls.
    """
    size = background.shape[0]
    lit = np.ones((size, size), np.float32)
    for layer, placement in zip(layers, placements, strict=True):
        standing = placement.support == "ground"
        if not (standing or placement.support.startswith("on:")):
            continue
        alpha = layer.astype(np.float32) / 255.0
        lit *= 1.0 - _contact(alpha, placement)
        if standing:
            lit *= 1.0 - cast * _cast(alpha, placement, sun) * _on_ground(size, ground_line)
    shade = 1.0 - lit[..., None]
    darkened = background * (1.0 - shade * (2.0 - _AMBIENT))
    return np.clip(darkened + 0.5, 0.0, 255.0).astype(np.uint8)


def _contact(alpha: Shade, placement: Placement) -> Shade:
    """What the object hides from the sky: narrow and dark where it touches, wide and faint around.

    The lowest points of the silhouette, column by column, that lie within 14 % of its height above the base, are its
    feet; they are smeared along the ground and blurred at two widths.
    """
    size = alpha.shape[0]
    rows, columns = window(placement, size)
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    solid = alpha[rows, columns] > 0.5
    low = np.where(solid.any(0), tall - 1 - np.argmax(solid[::-1], axis=0), -tall).astype(np.float32)
    reach = max(0.14 * tall, 2.0)
    touch = np.clip(1.0 - (tall - 1 - low) / reach, 0.0, 1.0)
    feet = np.zeros((size, size), np.float32)
    thick = max(0.012 * min(tall, wide), 1.0)
    y = np.arange(size, dtype=np.float32)[:, None] - (rows.start + low)[None, :]
    feet[:, columns] = touch * np.clip(1.5 - np.abs(y + 0.5 * thick) / thick, 0.0, 1.0)
    near, far = max(0.012 * wide, 1.2), max(0.07 * wide, 3.0)
    line = _peak(_soft(feet, 2.2 * near, near))
    pool = _peak(_soft(feet, far, far * _SQUASH * 1.6))
    return np.asarray(1.0 - (1.0 - _CONTACT * line) * (1.0 - _OCCLUSION * pool), np.float32)


def _cast(alpha: Shade, placement: Placement, sun: float) -> Shade:
    """The silhouette laid on the ground: x' = x - sun * 0.8 t, y' = base - 0.15 t, for a point t above the base.

    Light stands in front and to one side, as in most photos, so the shadow falls behind. The penumbra grows with t.
    """
    size = alpha.shape[0]
    rows, columns = window(placement, size)
    base, tall = float(rows.stop), rows.stop - rows.start
    slide, rise = -0.8 * sun, 0.15
    # Inverse map, shadow pixel to silhouette: t = (base - y') / rise.
    inverse = np.array([[1.0, slide / rise, -slide / rise * base], [0.0, 1.0 / rise, base - base / rise]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(alpha, inverse, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    wide = columns.stop - columns.start
    crisp, soft = _soft(laid, 0.02 * wide + 1, 0.012 * wide + 1), _soft(laid, 0.075 * tall + 2, 0.035 * tall + 2)
    away = np.clip((base - np.arange(size, dtype=np.float32)[:, None]) / (rise * tall), 0.0, 1.0)
    return np.asarray(_CAST * (crisp + (soft - crisp) * np.sqrt(away)) * (1.0 - 0.55 * away), np.float32)


def _on_ground(size: int, ground_line: float) -> Shade:
    """1 on the ground, 0 above its far edge, over 2 % of the canvas."""
    rows = (np.arange(size, dtype=np.float32)[:, None] + 0.5) / size
    return np.clip((rows - ground_line) / 0.02, 0.0, 1.0).astype(np.float32)


def _soft(field: Shade, across: float, down: float) -> Shade:
    """Blur with different widths; at half size where it is wide enough not to show."""
    if min(across, down) < 4:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), across, sigmaY=down), np.float32)
    side = field.shape[0]
    small = cv2.resize(field, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), across / 2, sigmaY=down / 2)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def _peak(field: Shade) -> Shade:
    """Scaled so that its darkest point is 1."""
    return np.asarray(field / max(float(field.max()), 1e-6), np.float32)
