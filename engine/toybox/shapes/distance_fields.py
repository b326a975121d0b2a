"""Signed-distance fields: how far a point is from a solid, negative inside (Hart 1996, "Sphere tracing").

A point set is three float32 arrays (x, y, z) of one shape: x right, y up, z away from the viewer. A toy fills -1..1.
Every field returns float32 of the same shape and never overestimates by much, so that a marcher may step by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Points = tuple[Field, Field, Field]
Vector = tuple[float, float, float]
Profile = Sequence[tuple[float, float]]
"""(height, radius) pairs of a turned solid, heights rising."""
Outline = Sequence[tuple[float, float]]
"""Corners (x, y) of a polygon."""


def translate(p: Points, to: Vector) -> Points:
    """The points as an object sees them whose origin stands at `to`."""
    return p[0] - np.float32(to[0]), p[1] - np.float32(to[1]), p[2] - np.float32(to[2])


def mirror(p: Points) -> Points:
    """Left folded onto right: what is built at positive x stands on both sides."""
    return np.abs(p[0]), p[1], p[2]


def rotate(p: Points, degrees: float, axis: str = "y") -> Points:
    """The points as an object sees them that is turned about an axis through the origin."""
    c, s = np.float32(np.cos(np.radians(degrees))), np.float32(np.sin(np.radians(degrees)))
    x, y, z = p
    if axis == "y":
        return c * x - s * z, y, s * x + c * z
    if axis == "z":
        return c * x + s * y, c * y - s * x, z
    return x, c * y + s * z, c * z - s * y


def _hypot(a: Field, b: Field) -> Field:
    return np.asarray(np.sqrt(a * a + b * b), np.float32)  # np.hypot guards against overflow: 5 times slower


def sphere(p: Points, at: Vector, radius: float) -> Field:
    """A ball."""
    x, y, z = translate(p, at)
    return np.asarray(np.sqrt(x * x + y * y + z * z) - np.float32(radius), np.float32)


def ellipsoid(p: Points, at: Vector, radii: Vector) -> Field:
    """A ball with three radii; Quilez's bound k0 (k0 - 1) / k1, exact on the surface."""
    x, y, z = translate(p, at)
    a, b, c = (np.float32(1 / radius) for radius in radii)
    x, y, z = x * a, y * b, z * c
    k0 = np.sqrt(x * x + y * y + z * z)
    x, y, z = x * a, y * b, z * c
    k1 = np.sqrt(x * x + y * y + z * z)
    return np.asarray(k0 * (k0 - 1) / np.maximum(k1, np.float32(1e-4)), np.float32)


def box(p: Points, at: Vector, half: Vector, rounding: float = 0.05) -> Field:
    """A box with rounded edges, `half` its outer half sizes."""
    x, y, z = translate(p, at)
    qx, qy, qz = (np.abs(v) - np.float32(h - rounding) for v, h in zip((x, y, z), half, strict=True))
    outer = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2 + np.maximum(qz, 0) ** 2)
    return np.asarray(outer + np.minimum(np.maximum(qx, np.maximum(qy, qz)), 0) - np.float32(rounding), np.float32)


def capsule(p: Points, start: Vector, end: Vector, radius: float, taper: float = 0.0) -> Field:
    """A rod with round ends; its radius grows by `taper` from start to end."""
    x, y, z = translate(p, start)
    dx, dy, dz = (np.float32(b - a) for a, b in zip(start, end, strict=True))
    along = np.clip((x * dx + y * dy + z * dz) / (dx * dx + dy * dy + dz * dz), 0, 1)
    x, y, z = x - along * dx, y - along * dy, z - along * dz
    return np.asarray(np.sqrt(x * x + y * y + z * z) - np.float32(radius) - np.float32(taper) * along, np.float32)


def torus(p: Points, at: Vector, radius: float, thickness: float, axis: str = "y") -> Field:
    """A ring around an axis."""
    x, y, z = translate(p, at)
    a, b, c = {"x": (y, z, x), "y": (x, z, y), "z": (x, y, z)}[axis]
    return np.asarray(_hypot(_hypot(a, b) - np.float32(radius), c) - np.float32(thickness), np.float32)


def disc(p: Points, at: Vector, radius: float, half: float, axis: str = "y", *, rounding: float = 0.03) -> Field:
    """A cylinder with rounded rims, `half` its outer half height along the axis."""
    x, y, z = translate(p, at)
    a, b, c = {"x": (y, z, x), "y": (x, z, y), "z": (x, y, z)}[axis]
    across = _hypot(a, b) - np.float32(radius - rounding)
    along = np.abs(c) - np.float32(half - rounding)
    outer = _hypot(np.maximum(across, 0), np.maximum(along, 0))
    return np.asarray(outer + np.minimum(np.maximum(across, along), 0) - np.float32(rounding), np.float32)


_BELL = np.array([1, 2, 4, 6, 8, 9, 10, 9, 8, 6, 4, 2, 1], np.float32) / 70


def lathe(p: Points, profile: Profile, hollow: float = 0.0) -> Field:
    """A solid turned about the y axis; with `hollow` > 0 a vessel of that wall thickness, open at the top.

    The profile is smoothed, and the distance divided by its steepest slope, which keeps it a bound.
    """
    heights, radii = np.asarray(profile, np.float32).T
    fine = np.linspace(heights[0], heights[-1], 48, dtype=np.float32)
    curve = np.interp(fine, heights, radii)
    curve = np.convolve(np.pad(curve, 6, mode="edge"), _BELL, "valid")
    slope = np.float32(1 / np.sqrt(1 + min(float(np.abs(np.diff(curve)).max() / (fine[1] - fine[0])), 3.0) ** 2))
    rho, y = _hypot(p[0], p[2]), p[1]
    radius = np.interp(y, fine, curve).astype(np.float32)
    side = (rho - radius) * slope
    cap = np.maximum(y - heights[-1], heights[0] - y)
    solid = _round_corner(side, cap, np.float32(0.03))
    if not hollow:
        return solid
    inside = np.maximum((rho - radius + np.float32(hollow)) * slope, heights[0] + np.float32(1.5 * hollow) - y)
    return np.asarray(np.maximum(solid, -inside), np.float32)


def _round_corner(a: Field, b: Field, r: np.float32) -> Field:
    """The intersection of two distances with a rounded edge."""
    u, v = np.maximum(a + r, 0), np.maximum(b + r, 0)
    return np.asarray(np.minimum(np.maximum(a, b), -r) + _hypot(u, v), np.float32)


def prism(p: Points, outline: Outline, half: float, rounding: float = 0.06) -> Field:
    """A polygon in x and y drawn out along z by `half` to both sides; edges rounded, so it grows by that."""
    x, y, z = p
    nearest = np.full(x.shape, np.float32(1e9), np.float32)
    inside = np.zeros(x.shape, bool)
    corners = np.asarray(outline, np.float32)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, 1, axis=0), strict=True):
        ex, ey, wx, wy = bx - ax, by - ay, x - ax, y - ay
        along = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey), 0, 1)
        dx, dy = wx - ex * along, wy - ey * along
        nearest = np.minimum(nearest, dx * dx + dy * dy)
        inside ^= ((ay <= y) != (by <= y)) & (ex * wy < ey * wx if ey < 0 else ex * wy > ey * wx)
    flat = np.where(inside, -1, 1) * np.sqrt(nearest)
    deep = np.abs(z) - np.float32(half)
    outer = _hypot(np.maximum(flat, 0).astype(np.float32), np.maximum(deep, 0))
    return np.asarray(outer + np.minimum(np.maximum(flat, deep), 0) - np.float32(rounding), np.float32)


def unite(a: Field, b: Field, smooth: float) -> Field:
    """The union of two solids, melted together over `smooth`; Quilez's polynomial minimum."""
    h = np.maximum(np.float32(smooth) - np.abs(a - b), 0) / np.float32(smooth)
    return np.asarray(np.minimum(a, b) - h * h * np.float32(smooth / 4), np.float32)


def subtract(a: Field, b: Field, smooth: float = 0.02) -> Field:
    """What is left of `a` without `b`."""
    return np.asarray(-unite(-a, b, smooth), np.float32)
