"""Solids of animals, and of what has a face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.toybox.shapes.distance_fields import (
    Field,
    Points,
    capsule,
    disc,
    ellipsoid,
    mirror,
    prism,
    rotate,
    sphere,
    torus,
    translate,
    unite,
)  # fmt: skip
from engine.toybox.shapes.parts import ToyPart

Solid = Sequence[tuple[ToyPart, Field]]
Shape = Sequence[float]


def _eyes(p: Points, at: tuple[float, float, float], radius: float) -> list[tuple[ToyPart, Field]]:
    """Two dark eyes with a glint, seen from the front (negative z)."""
    both = mirror(p)
    glint = sphere(p, (at[0] * 0.85, at[1] + radius * 0.4, at[2] - radius * 0.75), radius * 0.35)
    other = sphere(p, (-at[0] * 1.15, at[1] + radius * 0.4, at[2] - radius * 0.75), radius * 0.35)
    return [(ToyPart.DARK, sphere(both, at, radius)), (ToyPart.PALE, np.minimum(glint, other))]


def fish(p: Points, s: Shape) -> Solid:
    """Seen from its side, head to the left."""
    tall = 0.42 + 0.16 * s[0]
    body = ellipsoid(p, (-0.1, 0, 0), (0.75, tall, 0.3))
    tail = prism(p, [(0.5, 0.0), (0.98, 0.42 + 0.1 * s[1]), (0.86, 0.0), (0.98, -0.42)], 0.02, 0.05)
    fin = prism(p, [(-0.35, tall * 0.8), (0.1, tall + 0.3), (0.3, tall * 0.6)], 0.02, 0.04)
    deep = (p[0], p[1], np.abs(p[2]))
    side = ellipsoid(rotate(translate(deep, (0.0, -0.12, 0.3)), -25, "z"), (0, 0, 0), (0.24, 0.11, 0.06))
    eye = sphere(deep, (-0.55, 0.1, 0.2), 0.12)
    return [
        (ToyPart.MAIN, body), (ToyPart.SECOND, np.minimum(tail, fin)), (ToyPart.ACCENT, side), (ToyPart.PALE, eye),
        (ToyPart.DARK, sphere(deep, (-0.58, 0.1, 0.28), 0.07)),
        (ToyPart.ACCENT, torus(rotate(translate(p, (-0.84, -0.06, 0)), 20, "z"), (0, 0, 0), 0.06, 0.04, "x")),
    ]  # fmt: skip


def duck(p: Points, s: Shape) -> Solid:
    """A bath duck, bill to the left."""
    body = ellipsoid(p, (0.1, -0.4, 0), (0.75, 0.45, 0.52))
    tail = capsule(p, (0.65, -0.3, 0), (0.88, 0.0, 0), 0.17, -0.12)
    head = sphere(p, (-0.36, 0.32, 0), 0.36 + 0.08 * s[0])
    deep = (p[0], p[1], np.abs(p[2]))
    wing = ellipsoid(rotate(translate(deep, (0.22, -0.32, 0.46)), 15, "z"), (0, 0, 0), (0.36, 0.2 + 0.08 * s[1], 0.12))
    bill = ellipsoid(p, (-0.78 - 0.05 * s[2], 0.24, 0), (0.22, 0.08, 0.17))
    return [
        (ToyPart.MAIN, unite(unite(body, tail, 0.14), head, 0.12)), (ToyPart.SECOND, wing), (ToyPart.ACCENT, bill),
        (ToyPart.DARK, sphere(deep, (-0.58, 0.46, 0.24 + 0.05 * s[0]), 0.075)),
    ]  # fmt: skip


def penguin(p: Points, s: Shape) -> Solid:
    """Upright, with a pale belly."""
    both = mirror(p)
    body = unite(
        ellipsoid(p, (0, -0.25, 0), (0.52 + 0.1 * s[0], 0.7, 0.46)), sphere(p, (0, 0.5, 0), 0.36 + 0.06 * s[1]), 0.2
    )
    belly = ellipsoid(p, (0, -0.28, -0.16), (0.4 + 0.08 * s[0], 0.56, 0.36))
    face = ellipsoid(both, (0.13, 0.52, -0.22), (0.17, 0.2, 0.18))
    wing = ellipsoid(
        rotate(translate(both, (0.56 + 0.1 * s[0], -0.1, 0)), -18 - 20 * s[2], "z"), (0, -0.12, 0), (0.1, 0.42, 0.2)
    )
    foot = ellipsoid(both, (0.24, -0.94, -0.18), (0.2, 0.08, 0.28))
    beak = ellipsoid(p, (0, 0.42, -0.46), (0.1, 0.07, 0.18))
    return [
        (ToyPart.MAIN, body), (ToyPart.PALE, np.minimum(belly, face)), (ToyPart.MAIN, wing),
        (ToyPart.ACCENT, np.minimum(foot, beak)), *_eyes(p, (0.15, 0.58, -0.37), 0.065),
    ]  # fmt: skip


def rabbit(p: Points, s: Shape) -> Solid:
    """Sitting up, long ears."""
    both = mirror(p)
    body = ellipsoid(p, (0, -0.52, 0), (0.46 + 0.08 * s[0], 0.46, 0.42))
    head = sphere(p, (0, 0.1, -0.05), 0.36)
    spread, long = 8 + 22 * s[1], 0.3 + 0.14 * s[2]
    ear = ellipsoid(rotate(translate(both, (0.15, 0.36, 0)), spread, "z"), (0, long * 0.9, 0), (0.12, long, 0.08))
    inner = ellipsoid(
        rotate(translate(both, (0.15, 0.36, 0)), spread, "z"), (0, long * 0.9, -0.05), (0.07, long * 0.75, 0.06)
    )
    foot = ellipsoid(both, (0.26, -0.92, -0.2), (0.17, 0.1, 0.28))
    paw = sphere(both, (0.2, -0.42, -0.38), 0.12)
    nose, tail = sphere(p, (0, 0.05, -0.4), 0.055), sphere(p, (0, -0.62, 0.42), 0.18)
    return [
        (ToyPart.MAIN, unite(unite(body, head, 0.1), ear, 0.05)), (ToyPart.MAIN, np.minimum(foot, paw)),
        (ToyPart.ACCENT, np.minimum(inner, nose)), (ToyPart.SECOND, tail),
        (ToyPart.PALE, ellipsoid(p, (0, -0.5, -0.2), (0.3, 0.34, 0.28))), *_eyes(p, (0.15, 0.17, -0.36), 0.065),
    ]  # fmt: skip


def bear(p: Points, s: Shape) -> Solid:
    """Sitting, with round ears and a muzzle."""
    both = mirror(p)
    body = ellipsoid(p, (0, -0.4, 0), (0.48 + 0.08 * s[0], 0.5, 0.42))
    head = ellipsoid(p, (0, 0.38, -0.04), (0.43, 0.38 + 0.05 * s[1], 0.38))
    ear = sphere(both, (0.34, 0.72, 0), 0.15 + 0.05 * s[2])
    arm = capsule(both, (0.42, -0.18, -0.05), (0.66, -0.46, -0.2), 0.15)
    leg = capsule(both, (0.28, -0.76, -0.1), (0.42, -0.8, -0.5), 0.17)
    sole = sphere(both, (0.43, -0.8, -0.63), 0.1)
    muzzle = ellipsoid(p, (0, 0.28, -0.36), (0.19, 0.15, 0.14))
    fur = unite(unite(body, head, 0.08), np.minimum(ear, np.minimum(arm, leg)), 0.06)
    return [
        (ToyPart.MAIN, fur), (ToyPart.PALE, np.minimum(muzzle, sole)),
        (ToyPart.SECOND, torus(p, (0, 0.06, 0), 0.3, 0.07)),
        (ToyPart.DARK, ellipsoid(p, (0, 0.34, -0.49), (0.075, 0.055, 0.05))), *_eyes(p, (0.17, 0.45, -0.36), 0.06),
        (ToyPart.ACCENT, sphere(p, (0, -0.04, -0.36), 0.1)),
    ]  # fmt: skip


def snail(p: Points, s: Shape) -> Solid:
    """A shell on a foot, head to the left."""
    foot = capsule(p, (-0.6, -0.68, 0), (0.75, -0.78, 0), 0.2, -0.09)
    neck = capsule(p, (-0.6, -0.65, 0), (-0.75, -0.1, 0), 0.17)
    deep = (p[0], p[1], np.abs(p[2]))
    horn = capsule(deep, (-0.75, -0.05, 0.07), (-0.88, 0.25 + 0.1 * s[0], 0.16), 0.045)
    shell = disc(p, (0.15, -0.1, 0), 0.58 + 0.08 * s[1], 0.3, "z", rounding=0.26)
    coil = np.minimum(torus(deep, (0.15, -0.1, 0.26), 0.36, 0.07, "z"), sphere(deep, (0.15, -0.1, 0.24), 0.14))
    return [
        (ToyPart.SECOND, unite(unite(foot, neck, 0.15), horn, 0.04)), (ToyPart.MAIN, shell), (ToyPart.ACCENT, coil),
        (ToyPart.DARK, sphere(deep, (-0.89, 0.28 + 0.1 * s[0], 0.17), 0.07)),
    ]  # fmt: skip


def snowman(p: Points, s: Shape) -> Solid:
    """Two balls and a head, hat, scarf, carrot; its scarf and hat are the coloured parts."""
    both = mirror(p)
    low, mid = 0.48 + 0.06 * s[0], 0.36 + 0.05 * s[1]
    balls = unite(sphere(p, (0, -0.52, 0), low), sphere(p, (0, 0.06, 0), mid), 0.05)
    balls = unite(balls, sphere(p, (0, 0.5, 0), 0.27), 0.04)
    hat = np.minimum(disc(p, (0, 0.7, 0), 0.36, 0.045), disc(p, (0, 0.86, 0), 0.22 + 0.04 * s[2], 0.18))
    buttons = np.minimum(sphere(p, (0, 0.1, -mid), 0.05), sphere(p, (0, -0.42, -low), 0.06))
    arm = capsule(both, (mid, 0.1, 0), (mid + 0.42, 0.34, 0), 0.035)
    return [
        (ToyPart.PALE, balls), (ToyPart.MAIN, hat), (ToyPart.MAIN, torus(p, (0, 0.3, 0), 0.25, 0.09)),
        (ToyPart.SECOND, disc(p, (0, 0.74, 0), 0.24 + 0.04 * s[2], 0.05)), (ToyPart.DARK, np.minimum(buttons, arm)),
        (ToyPart.ACCENT, capsule(p, (0, 0.5, -0.26), (0, 0.47, -0.52), 0.07, -0.05)),
        *_eyes(p, (0.1, 0.57, -0.24), 0.045),
    ]  # fmt: skip
