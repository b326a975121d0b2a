"""Solids of toys in the narrow sense, and of what hangs on trees or lies under them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.toybox.shapes.distance_fields import (
    Field,
    Points,
    box,
    capsule,
    disc,
    lathe,
    mirror,
    prism,
    rotate,
    sphere,
    torus,
    translate,
)  # fmt: skip
from engine.toybox.shapes.parts import ToyPart

Solid = Sequence[tuple[ToyPart, Field]]
Shape = Sequence[float]


def _star_outline(points: int, inner: float) -> list[tuple[float, float]]:
    angle = np.pi / 2 + np.arange(2 * points) * np.pi / points
    radius = np.where(np.arange(2 * points) % 2 == 0, 0.855, 0.9 * inner)
    return [(float(r * np.cos(a)), float(r * np.sin(a))) for r, a in zip(radius, angle, strict=True)]


def star(p: Points, s: Shape) -> Solid:
    """Five or six points, puffed up."""
    outline = _star_outline(5 if s[0] < 0.6 else 6, 0.42 + 0.14 * s[1])
    body = prism(p, outline, 0.08 + 0.1 * s[2], 0.12)
    badge = disc(p, (0, 0, 0), 0.26, 0.26 + 0.1 * s[2], "z", rounding=0.05)
    return [(ToyPart.MAIN, body), (ToyPart.SECOND, badge)] if s[3] < 0.5 else [(ToyPart.MAIN, body)]


def heart(p: Points, s: Shape) -> Solid:
    """Two lobes and a tip, puffed up."""
    t = np.linspace(0, 2 * np.pi, 26, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    wide = 0.045 + 0.006 * s[0]
    outline = [(float(a) * wide, 0.05 * float(b) + 0.1) for a, b in zip(x, y, strict=True)]
    body = prism(p, outline, 0.06 + 0.08 * s[1], 0.14)
    if s[2] < 0.5:
        return [(ToyPart.MAIN, body)]
    inner = prism(p, [(0.5 * a, 0.5 * b) for a, b in outline], 0.2 + 0.08 * s[1], 0.05)
    return [(ToyPart.MAIN, body), (ToyPart.SECOND, inner)]


def crown(p: Points, s: Shape) -> Solid:
    """A band with points and pearls."""
    count = 5 + int(3 * s[0])
    angle = np.arctan2(p[2], p[0]).astype(np.float32)
    wave = np.abs(((angle * np.float32(count / (2 * np.pi))) % 1) - np.float32(0.5)) * 2
    top = np.float32(-0.1) + wave * np.float32(0.55 + 0.2 * s[1])
    band = lathe(p, [(-0.6, 0.72), (0.7, 0.86 + 0.1 * s[2])])
    shell = np.maximum(band, -lathe(translate(p, (0, 0.02, 0)), [(-0.9, 0.62), (0.9, 0.78 + 0.1 * s[2])]))
    points = np.maximum(shell, (p[1] - top) * np.float32(0.45))
    sector = np.float32(2 * np.pi / count)
    folded = ((angle + sector / 2) % sector) - sector / 2
    rho = np.sqrt(p[0] ** 2 + p[2] ** 2)
    local = (rho * np.cos(folded), p[1], rho * np.sin(folded))
    pearls = sphere(local, (0.83 + 0.08 * s[2], 0.5 + 0.2 * s[1], 0), 0.1)
    return [
        (ToyPart.MAIN, np.asarray(points, np.float32)), (ToyPart.SECOND, torus(p, (0, -0.55, 0), 0.7, 0.09)),
        (ToyPart.ACCENT, pearls),
    ]  # fmt: skip


def gift(p: Points, s: Shape) -> Solid:
    """A box with a lid, ribbons and a bow."""
    wide, tall = 0.68 + 0.12 * s[0], 0.5 + 0.2 * s[1]
    ribbon = np.minimum(
        box(p, (0, -0.1, 0), (wide + 0.06, tall + 0.02, 0.13), 0.02),
        box(p, (0, -0.1, 0), (0.13, tall + 0.02, wide + 0.06), 0.02),
    )
    bow = torus(rotate(translate(mirror(p), (0.06, tall - 0.05, 0)), 35, "z"), (0.2, 0, 0), 0.16, 0.065, "z")
    return [
        (ToyPart.MAIN, box(p, (0, -0.12, 0), (wide, tall - 0.02, wide), 0.04)),
        (ToyPart.MAIN, box(p, (0, tall - 0.24, 0), (wide + 0.05, 0.13, wide + 0.05), 0.04)),
        (ToyPart.SECOND, ribbon), (ToyPart.SECOND, bow), (ToyPart.SECOND, sphere(p, (0, tall - 0.05, 0), 0.12)),
    ]  # fmt: skip


def bell(p: Points, s: Shape) -> Solid:
    """A hand bell: skirt, clapper, handle."""
    skirt = lathe(p, [(-0.8, 0.74 + 0.1 * s[0]), (-0.5, 0.55), (0.0, 0.44), (0.25, 0.26)])
    handle = capsule(p, (0, 0.25, 0), (0, 0.85, 0), 0.09) if s[1] < 0.5 else torus(p, (0, 0.55, 0), 0.26, 0.07, "z")
    return [
        (ToyPart.MAIN, skirt), (ToyPart.SECOND, torus(p, (0, -0.76, 0), 0.7 + 0.1 * s[0], 0.08)),
        (ToyPart.ACCENT, handle), (ToyPart.ACCENT, sphere(p, (0, 0.92, 0), 0.13 if s[1] < 0.5 else 0.05)),
    ]  # fmt: skip


def ball(p: Points, s: Shape) -> Solid:
    """Round; `s` gives it a seam or a knob."""
    body = sphere(p, (0, 0, 0), 0.9)
    if s[0] < 0.5:
        return [(ToyPart.MAIN, body)]
    seam = torus(rotate(p, 90 * s[1], "z"), (0, 0, 0), 0.89, 0.05 + 0.03 * s[2])
    return [(ToyPart.MAIN, body), (ToyPart.SECOND, seam)]


def block(p: Points, s: Shape) -> Solid:
    """A cube with a frame or pips on it."""
    cube = box(p, (0, 0, 0), (0.75, 0.75, 0.75), 0.08 + 0.16 * s[0])
    x, y, z = (np.abs(v) for v in p)
    gap = np.float32(0.25 + 0.1 * s[1])
    if s[2] < 0.5:
        pips = sphere((np.abs(x - gap), np.abs(y - gap), z), (0, 0, 0.78), 0.12)
        pips = np.minimum(pips, sphere((x, y, p[2] + 0), (0.78, 0, 0), 0.16))
        return [(ToyPart.MAIN, cube), (ToyPart.SECOND, pips)]
    knob = disc(p, (0, 0.8, 0), 0.25 + 0.2 * s[3], 0.12)
    return [(ToyPart.MAIN, cube), (ToyPart.SECOND, knob)]
