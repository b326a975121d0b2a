"""Noise and surfaces: periodic noise, flat square tiles of material, and a camera that lays a tile on the ground.

A tile is a float32 array `TILE` x `TILE` (x 3 for RGB in 0..255) that repeats without a seam, so the ground is endless.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Field = NDArray[np.float32]
"""HxW or HxWx3 values, float32."""

RGB = tuple[int, int, int]

TILE = 512
FAINT = 0.03  # an octave below this share of the first is not seen, and the finest cost most


@dataclass(frozen=True, slots=True)
class Camera:
    """Looks straight ahead over a flat ground.

    Args:
        size: pixels of the square canvas's side.
        line: first row of the ground, in pixels.
        vanish: height of the vanishing line, 0 (top) to 1; above `line`, because walls, hills or trees hide the rest.
    """

    size: int
    line: int
    vanish: float

    def depth(self) -> Field:
        """Distance of each ground row over the camera's height, (rows, 1): 1 / (y - vanish)."""
        rows = (np.arange(self.line, self.size, dtype=np.float32) + 0.5) / self.size
        return np.asarray(1.0 / np.maximum(rows - self.vanish, 1e-3), np.float32)[:, None]


def noise(rng: np.random.Generator, cells: tuple[int, int], height: int, width: int, gain: float = 0.6) -> Field:
    """Periodic fractal noise of mean 0 and deviation 1, HxW.

    White noise on a grid of `cells` (rows, columns) is doubled until it covers the field; each octave adds `gain` times
    the amplitude of the one before. Unequal cells make streaks.
    """
    rows, columns = cells
    field = rng.standard_normal((rows, columns), np.float32)
    amplitude = 1.0
    while rows < height or columns < width:
        rows, columns = min(rows * 2, height), min(columns * 2, width)
        amplitude *= gain
        field = _stretch(field, rows, columns)
        if amplitude > FAINT:
            field += np.float32(amplitude) * rng.standard_normal((rows, columns), np.float32)
    return _unit(field)


def ridge(rng: np.random.Generator, cells: int, width: int, gain: float = 0.5) -> Field:
    """A rough line of `width` heights, mean 0, deviation 1: the outline of hills or of a wood."""
    return np.asarray(noise(rng, (1, cells), 1, width, gain)[0], np.float32)


def mix(low: ArrayLike, high: ArrayLike, share: ArrayLike) -> Field:
    """Colours between `low` and `high`, HxWx3, by `share` HxW clipped to 0..1."""
    first, second = np.asarray(low, np.float32), np.asarray(high, np.float32)
    blended = first + (second - first) * np.asarray(np.clip(share, 0.0, 1.0), np.float32)[..., None]
    return np.asarray(blended, np.float32)


def relief(height: Field, sun: float, strength: float) -> Field:
    """Brightness factor of a bumpy tile lit from the side `sun` (-1 left .. 1 right) and from behind, HxW around 1."""
    wrapped = np.pad(np.asarray(height, np.float32), 1, mode="wrap")
    slope_x = wrapped[1:-1, 2:] - wrapped[1:-1, :-2]
    slope_y = wrapped[2:, 1:-1] - wrapped[:-2, 1:-1]
    lit = 1.0 - np.float32(strength * sun) * slope_x + np.float32(strength * 0.6) * slope_y
    return np.asarray(np.clip(lit, 0.4, 1.6), np.float32)


def enlarge(field: Field, rows: int, columns: int) -> Field:
    """The field at another size, smoothly."""
    return np.asarray(cv2.resize(field, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)


def lay(tile: Field, camera: Camera, metres: float, shift: tuple[float, float] = (0.0, 0.0)) -> Field:
    """A tile of `metres` (in camera heights) seen in perspective: the rows of the ground, (size - line) x size x 3.

    Each row reads the two levels of a mip-map next to its footprint (the geometric mean of both directions), so the
    distance neither flickers nor aliases.
    """
    depth = camera.depth()
    texels = TILE / metres
    across = (np.arange(camera.size, dtype=np.float32) + 0.5) / camera.size - 0.5
    u = across[None, :] * depth * texels + shift[0] * TILE
    v = np.broadcast_to(-depth * texels + shift[1] * TILE, u.shape)
    level = np.maximum(np.log2(depth[:, 0] ** 1.5 * texels / camera.size), 0.0)
    ground = np.empty((*u.shape, 3), np.float32)
    mips = _mips(tile, int(level.max()) + 2)
    for number in range(len(mips) - 1):
        rows = np.flatnonzero(np.minimum(level.astype(int), len(mips) - 2) == number)
        if rows.size:
            band = slice(int(rows[0]), int(rows[-1]) + 1)
            share = np.clip(level[band] - number, 0.0, 1.0)[:, None, None]
            fine, coarse = (_wrap(mips[n], u[band] / 2**n, v[band] / 2**n) for n in (number, number + 1))
            ground[band] = fine + (coarse - fine) * share
    return ground


def blur(field: Field, sigma: float) -> Field:
    """Gaussian blur; wide ones are done at a quarter of the size, where nobody sees the difference."""
    if sigma < 0.3:
        return field
    height, width = field.shape[:2]
    if sigma < 6 or min(height, width) < 16:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), np.float32)
    small = cv2.resize(field, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _stretch(field: Field, rows: int, columns: int) -> Field:
    """Bilinear enlargement that wraps around."""
    wrapped = np.pad(field, 1, mode="wrap")
    scale = (columns / field.shape[1], rows / field.shape[0])
    # Bilinear samples sit at cell centres: the pad of one cell each side carries the wrap, then it is cut away.
    large = cv2.resize(wrapped, (round(wrapped.shape[1] * scale[0]), round(wrapped.shape[0] * scale[1])))
    top, left = round(scale[1]), round(scale[0])
    return np.asarray(large[top : top + rows, left : left + columns], np.float32)


def _unit(field: Field) -> Field:
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-6), np.float32)


def _mips(tile: Field, count: int) -> list[Field]:
    mips = [tile]
    while len(mips) < count and mips[-1].shape[0] > 4:
        half = mips[-1].shape[0] // 2
        mips.append(np.asarray(cv2.resize(mips[-1], (half, half), interpolation=cv2.INTER_AREA), np.float32))
    return mips


def _wrap(tile: Field, u: Field, v: Field) -> Field:
    side = tile.shape[0]
    sampled = cv2.remap(tile, np.mod(u, side), np.mod(v, side), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(sampled, np.float32)
