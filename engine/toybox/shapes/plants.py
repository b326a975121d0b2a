"""Solids of what grows, or is eaten."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.toybox.shapes.distance_fields import (
    Field,
    Points,
    capsule,
    disc,
    ellipsoid,
    lathe,
    rotate,
    sphere,
    torus,
    translate,
    unite,
)  # fmt: skip
from engine.toybox.shapes.parts import ToyPart

Solid = Sequence[tuple[ToyPart, Field]]
Shape = Sequence[float]


def apple(p: Points, s: Shape) -> Solid:
    """A dimpled fruit with stalk and leaf."""
    rho = np.sqrt(p[0] ** 2 + p[2] ** 2)
    bent = (p[0], p[1] + np.float32(0.2 + 0.1 * s[0]) * np.exp(-6 * rho * rho).astype(np.float32), p[2])
    fruit = ellipsoid(bent, (0, -0.1, 0), (0.8, 0.68 + 0.14 * s[1], 0.8)) * np.float32(0.8)
    leaf = ellipsoid(rotate(translate(p, (0.22, 0.74, 0)), 25, "z"), (0, 0, 0), (0.26, 0.05, 0.13))
    stalk = capsule(p, (0, 0.35, 0), (0.08, 0.85, 0), 0.045)
    return [(ToyPart.MAIN, np.asarray(fruit, np.float32)), (ToyPart.DARK, stalk), (ToyPart.LEAF, leaf)]


def mushroom(p: Points, s: Shape) -> Solid:
    """A cap on a stem."""
    cap = ellipsoid(p, (0, 0.15, 0), (0.85, 0.55 + 0.25 * s[0], 0.85))
    cap = np.asarray(np.maximum(cap, np.float32(0.12) - p[1]), np.float32)
    stem = lathe(p, [(-0.9, 0.36 + 0.1 * s[1]), (-0.3, 0.25 + 0.08 * s[2]), (0.2, 0.28)])
    return [(ToyPart.MAIN, cap), (ToyPart.PALE, stem), (ToyPart.SECOND, torus(p, (0, 0.14, 0), 0.8, 0.05))]


def cactus(p: Points, s: Shape) -> Solid:
    """A ribbed trunk with arms, in a pot."""
    trunk = capsule(p, (0, -0.5, 0), (0, 0.65, 0), 0.25 + 0.05 * s[0])
    arm = capsule(p, (0.2, -0.05, 0), (0.52, 0.0, 0), 0.13)
    arm = unite(arm, capsule(p, (0.54, 0.0, 0), (0.56, 0.2 + 0.3 * s[1], 0), 0.13), 0.05)
    if s[2] > 0.35:
        other = capsule(p, (-0.2, -0.25, 0), (-0.5, -0.2, 0), 0.11)
        arm = np.minimum(arm, unite(other, capsule(p, (-0.52, -0.2, 0), (-0.54, 0.1, 0), 0.11), 0.05))
    angle = np.arctan2(p[2], p[0]).astype(np.float32)
    plant = unite(trunk, arm, 0.08) - np.float32(0.02) * np.cos(12 * angle)
    pot = lathe(p, [(-1.0, 0.36), (-0.55, 0.5 + 0.08 * s[3])])
    flower = sphere(p, (0, 0.95, 0), 0.1)
    return [
        (ToyPart.LEAF, np.asarray(plant * np.float32(0.9), np.float32)), (ToyPart.MAIN, pot),
        (ToyPart.SECOND, torus(p, (0, -0.57, 0), 0.47 + 0.08 * s[3], 0.07)), (ToyPart.ACCENT, flower),
    ]  # fmt: skip


def tree(p: Points, s: Shape) -> Solid:
    """Three cones on a trunk, with a ball on top."""
    spread = 0.62 + 0.14 * s[0]
    tiers = [(-0.6, spread, 0.1), (-0.15, spread * 0.8, 0.45), (0.3, spread * 0.58, 0.85)]
    crowns = [lathe(p, [(low, radius), (top, 0.06)]) for low, radius, top in tiers]
    return [
        (ToyPart.MAIN, np.minimum(np.minimum(crowns[0], crowns[1]), crowns[2])),
        (ToyPart.SECOND, disc(p, (0, -0.8, 0), 0.14 + 0.06 * s[1], 0.24)),
        (ToyPart.ACCENT, sphere(p, (0, 0.92, 0), 0.12)),
    ]


def donut(p: Points, s: Shape) -> Solid:
    """A standing ring with icing on its face."""
    fat = 0.26 + 0.08 * s[0]
    lean = rotate(p, 30 * s[1], "x")
    dough = torus(lean, (0, 0, 0), 0.62, fat, "z")
    icing = np.maximum(torus(lean, (0, 0, -0.04), 0.62, fat + 0.02, "z"), lean[2] + np.float32(0.02))
    return [(ToyPart.SECOND, dough), (ToyPart.MAIN, np.asarray(icing, np.float32))]
