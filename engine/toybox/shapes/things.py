"""Solids of household things."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.toybox.shapes.distance_fields import (
    Field,
    Points,
    box,
    capsule,
    disc,
    ellipsoid,
    lathe,
    mirror,
    prism,
    rotate,
    sphere,
    subtract,
    torus,
    translate,
    unite,
)  # fmt: skip
from engine.toybox.shapes.parts import ToyPart

Solid = Sequence[tuple[ToyPart, Field]]
Shape = Sequence[float]


def mug(p: Points, s: Shape) -> Solid:
    """Cylinder or barrel with a handle, a rim in the second colour."""
    waist, flare = 0.58 + 0.14 * s[0], 0.14 * (s[1] - 0.5)
    profile = [(-0.75, waist - flare), (0.0, waist + 0.08 * s[2]), (0.75, waist + flare)]
    cup = lathe(p, profile, hollow=0.09)
    if s[3] < 0.5:
        handle = torus(p, (waist + 0.05, -0.02, 0), 0.34, 0.085, "z")
    else:
        handle = box(carve_window(p, waist), (0, 0, 0), (0.34, 0.4, 0.09), 0.08)
        handle = subtract(handle, box(carve_window(p, waist), (0, 0, 0), (0.2, 0.25, 0.3), 0.08))
    hollowed = np.maximum(handle, np.float32(waist - 0.06) - p[0])
    rim = torus(p, (0, 0.76, 0), waist + flare - 0.04, 0.06)
    return [(ToyPart.MAIN, cup), (ToyPart.SECOND, np.asarray(hollowed, np.float32)), (ToyPart.SECOND, rim)]


def carve_window(p: Points, waist: float) -> Points:
    """The frame in which a square handle is built."""
    return translate(p, (waist + 0.06, 0, 0))


def teapot(p: Points, s: Shape) -> Solid:
    """A round belly with spout, handle and lid."""
    wide, tall = 0.72, 0.5 + 0.16 * s[0]
    belly = ellipsoid(p, (0, -0.1, 0), (wide, tall, wide))
    belly = np.asarray(np.maximum(belly, -0.1 - tall * 0.86 - p[1]), np.float32)
    spout = capsule(p, (0.5, -0.25, 0), (1.1, 0.2 + 0.2 * s[1], 0), 0.18, -0.09)
    handle = np.maximum(torus(p, (-0.72, -0.02, 0), 0.32, 0.07, "z"), p[0] + np.float32(0.6))
    lid = lathe(translate(p, (0, tall - 0.2, 0)), [(0.0, 0.44), (0.1, 0.36), (0.18, 0.1)])
    knob = sphere(p, (0, tall + 0.06, 0), 0.1 + 0.04 * s[2])
    return [
        (ToyPart.MAIN, unite(belly, spout, 0.12)), (ToyPart.SECOND, np.asarray(handle, np.float32)),
        (ToyPart.SECOND, lid), (ToyPart.ACCENT, knob),
    ]  # fmt: skip


def vase(p: Points, s: Shape) -> Solid:
    """Turned, with a neck."""
    belly, neck, lip = 0.45 + 0.2 * s[0], 0.2 + 0.14 * s[1], 0.3 + 0.22 * s[2]
    at = -0.35 + 0.4 * s[3]
    profile = [(-1.0, 0.34), (at, belly), (0.6, neck), (0.95, lip)]
    return [
        (ToyPart.MAIN, lathe(p, profile, hollow=0.08)),
        (ToyPart.SECOND, torus(p, (0, 0.58, 0), neck + 0.02, 0.06)),
        (ToyPart.ACCENT, disc(p, (0, -0.98, 0), 0.4, 0.06)),
    ]


def bottle(p: Points, s: Shape) -> Solid:
    """Shoulders, a neck, a cork and a label."""
    wide, shoulder = 0.36 + 0.14 * s[0], 0.05 + 0.25 * s[1]
    profile = [(-1.0, wide), (shoulder, wide), (shoulder + 0.3, 0.15), (0.9, 0.14)]
    label = np.maximum(lathe(p, [(-0.75, wide + 0.015), (shoulder - 0.25, wide + 0.015)]), np.float32(-1))
    return [
        (ToyPart.MAIN, lathe(p, profile)), (ToyPart.SECOND, np.asarray(label, np.float32)),
        (ToyPart.ACCENT, disc(p, (0, 0.95, 0), 0.13 + 0.06 * s[2], 0.12)),
    ]  # fmt: skip


def bowl(p: Points, s: Shape) -> Solid:
    """Wide and open, on a foot."""
    rim = 0.85 + 0.12 * s[0]
    profile = [(-0.42, 0.32), (-0.3, 0.5 + 0.2 * s[1]), (0.1, 0.74 + 0.1 * s[1]), (0.4, rim)]
    return [
        (ToyPart.MAIN, lathe(p, profile, hollow=0.08)),
        (ToyPart.SECOND, disc(p, (0, -0.46, 0), 0.38 + 0.1 * s[2], 0.08)),
        (ToyPart.SECOND, torus(p, (0, 0.4, 0), rim - 0.04, 0.055)),
    ]  # fmt: skip


def candle(p: Points, s: Shape) -> Solid:
    """A candle on a dish, burning."""
    tall, wide = 0.3 + 0.35 * s[0], 0.24 + 0.16 * s[1]
    flame = ellipsoid(p, (0, tall + 0.24, 0), (0.09, 0.19, 0.09))
    return [
        (ToyPart.MAIN, disc(p, (0, (tall - 0.75) / 2, 0), wide, (tall + 0.75) / 2, rounding=0.06)),
        (ToyPart.SECOND, lathe(p, [(-0.9, 0.55), (-0.72, 0.75)], hollow=0.08)),
        (ToyPart.SECOND, torus(p, (0.78, -0.75, 0), 0.14, 0.05, "z")),
        (ToyPart.DARK, capsule(p, (0, tall, 0), (0, tall + 0.1, 0), 0.025)), (ToyPart.GLOW, flame),
    ]  # fmt: skip


def lamp(p: Points, s: Shape) -> Solid:
    """A shade on a stem on a foot."""
    low, top = 0.62 + 0.16 * s[0], 0.28 + 0.25 * s[1]
    stem = lathe(p, [(-0.9, 0.1), (-0.5, 0.12 + 0.16 * s[2]), (-0.1, 0.08), (0.2, 0.06)])
    return [
        (ToyPart.MAIN, lathe(p, [(0.05, low), (0.9, top)])), (ToyPart.SECOND, stem),
        (ToyPart.SECOND, lathe(p, [(-1.0, 0.46), (-0.85, 0.32)])), (ToyPart.ACCENT, sphere(p, (0, 0.96, 0), 0.09)),
    ]  # fmt: skip


def hourglass(p: Points, s: Shape) -> Solid:
    """Two bulbs between two plates and posts."""
    wide = 0.42 + 0.12 * s[0]
    glass = lathe(p, [(-0.75, wide), (-0.4, wide), (0.0, 0.1), (0.4, wide), (0.75, wide)])
    plate = disc((p[0], np.abs(p[1]), p[2]), (0, 0.83, 0), 0.66, 0.1)
    x, z = np.abs(rotate(p, 45)[0]), np.abs(rotate(p, 45)[2])
    posts = capsule((x, p[1], z), (0.4, -0.8, 0.4), (0.4, 0.8, 0.4), 0.05 + 0.02 * s[1])
    sand = lathe(p, [(-0.74, wide + 0.01), (-0.52 + 0.2 * s[2], wide + 0.01)])
    return [(ToyPart.MAIN, glass), (ToyPart.SECOND, plate), (ToyPart.SECOND, posts), (ToyPart.ACCENT, sand)]


def birdhouse(p: Points, s: Shape) -> Solid:
    """Walls, a gable roof, a round door and a perch."""
    wide, eaves = 0.5 + 0.1 * s[0], 0.1 + 0.15 * s[1]
    outline = [(-wide, -0.8), (wide, -0.8), (wide, eaves), (0, eaves + wide), (-wide, eaves)]
    walls = prism(p, outline, 0.5, 0.02)
    door = disc(p, (0, -0.1, -0.5), 0.17 + 0.06 * s[2], 0.05, "z")
    roof = box(
        rotate(translate(mirror(p), (0, eaves + wide + 0.06, 0)), -45, "z"), (0.46, 0, 0), (0.62, 0.07, 0.68), 0.03
    )
    perch = capsule(p, (0, -0.42, -0.5), (0, -0.42, -0.78), 0.05)
    return [(ToyPart.MAIN, walls), (ToyPart.SECOND, roof), (ToyPart.DARK, door), (ToyPart.ACCENT, perch)]
