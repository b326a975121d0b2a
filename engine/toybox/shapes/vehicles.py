"""Solids of toys with wheels, sails, fins or gears."""

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
    torus,
    translate,
    unite,
)  # fmt: skip
from engine.toybox.shapes.parts import ToyPart

Solid = Sequence[tuple[ToyPart, Field]]
Shape = Sequence[float]


def car(p: Points, s: Shape) -> Solid:
    """Body, cabin with windows, four wheels, lights."""
    long, cabin, back = 0.95, 0.42 + 0.12 * s[0], 0.15 * (s[1] - 0.7)
    body = box(p, (0, -0.2, 0), (long, 0.25 + 0.05 * s[2], 0.46), 0.14)
    top = box(p, (back, 0.16, 0), (cabin, 0.26, 0.38), 0.12)
    glass = np.minimum(
        box(p, (back, 0.2, 0), (cabin - 0.1, 0.13, 0.4), 0.05), box(p, (back, 0.2, 0), (cabin + 0.02, 0.13, 0.28), 0.05)
    )
    fold = (np.abs(p[0]), p[1], np.abs(p[2]))
    wheel = disc(fold, (0.55, -0.45, 0.42), 0.23 + 0.05 * s[3], 0.1, "z", rounding=0.05)
    hub = disc(fold, (0.55, -0.45, 0.44), 0.11, 0.11, "z", rounding=0.02)
    lights = sphere((p[0], p[1], fold[2]), (-0.93, -0.15, 0.28), 0.08)
    return [
        (ToyPart.MAIN, unite(body, top, 0.06)), (ToyPart.DARK, glass), (ToyPart.DARK, wheel), (ToyPart.SECOND, hub),
        (ToyPart.ACCENT, lights), (ToyPart.SECOND, box(p, (0, -0.34, 0), (long + 0.04, 0.06, 0.42), 0.04)),
    ]  # fmt: skip


def boat(p: Points, s: Shape) -> Solid:
    """A hull with a mast and two sails."""
    hull = ellipsoid(p, (0, -0.3, 0), (0.95, 0.55 + 0.1 * s[0], 0.42))
    hull = np.asarray(np.maximum(hull, p[1] + np.float32(0.38)), np.float32)
    hull = np.asarray(np.maximum(hull, np.float32(-0.82) - p[1]), np.float32)
    tip = 0.75 + 0.2 * s[1]
    main = prism(p, [(0.06, -0.2), (0.7 + 0.1 * s[2], -0.2), (0.06, tip)], 0.01, 0.03)
    jib = prism(p, [(-0.06, -0.2), (-0.06, tip - 0.2), (-0.55, -0.2)], 0.01, 0.03)
    return [
        (ToyPart.MAIN, hull), (ToyPart.SECOND, main), (ToyPart.ACCENT, jib),
        (ToyPart.DARK, capsule(p, (0, -0.5, 0), (0, tip + 0.08, 0), 0.035)),
        (ToyPart.SECOND, box(p, (0, -0.4, 0), (0.8, 0.035, 0.3), 0.03)),
    ]  # fmt: skip


def rocket(p: Points, s: Shape) -> Solid:
    """A turned body with a nose, a window and fins."""
    wide = 0.34 + 0.1 * s[0]
    body = lathe(p, [(-0.75, wide * 0.75), (-0.2, wide), (0.3, wide * 0.95), (0.8, wide * 0.3), (0.98, 0.03)])
    nose = lathe(p, [(0.5, wide * 0.74), (0.8, wide * 0.33), (1.0, 0.04)])
    outline = [(wide * 0.6, -0.3), (wide + 0.36, -0.85), (wide + 0.3, -0.98), (wide * 0.6, -0.75)]
    count = 3 if s[1] < 0.5 else 4
    angle = np.arctan2(p[2], p[0]).astype(np.float32)
    sector = np.float32(2 * np.pi / count)
    folded = ((angle + sector / 2) % sector) - sector / 2
    rho = np.sqrt(p[0] ** 2 + p[2] ** 2)
    fins = prism((rho * np.cos(folded), p[1], rho * np.sin(folded)), outline, 0.03, 0.03)
    window = sphere(rotate(p, 40), (0, 0.22, -wide * 0.93), 0.14 + 0.04 * s[2])
    return [
        (ToyPart.MAIN, body), (ToyPart.SECOND, nose - np.float32(0.015)), (ToyPart.SECOND, fins),
        (ToyPart.ACCENT, window), (ToyPart.DARK, disc(p, (0, -0.82, 0), wide * 0.55, 0.1)),
    ]  # fmt: skip


def robot(p: Points, s: Shape) -> Solid:
    """A box on legs with a box for a head, eyes, an antenna."""
    both = mirror(p)
    wide, head = 0.42 + 0.1 * s[0], 0.26 + 0.12 * s[1]
    torso = box(p, (0, -0.18, 0), (wide, 0.38, 0.28), 0.06)
    skull = box(p, (0, 0.46, 0), (head + 0.06, 0.24, 0.26), 0.05 + 0.12 * s[2])
    arm = unite(
        capsule(both, (wide, 0.08, 0), (wide + 0.22, -0.1, 0), 0.09),
        capsule(both, (wide + 0.22, -0.1, 0), (wide + 0.2, -0.4, -0.1), 0.09), 0.03,
    )  # fmt: skip
    leg = box(both, (wide * 0.5, -0.76, 0), (0.13, 0.24, 0.14), 0.04)
    foot = box(both, (wide * 0.5, -0.94, -0.06), (0.18, 0.07, 0.24), 0.04)
    eye = sphere(both, (head * 0.5, 0.5, -0.25), 0.1)
    panel = box(p, (0, -0.14, -0.27), (wide * 0.6, 0.2, 0.05), 0.03)
    antenna = capsule(p, (0, 0.65, 0), (0, 0.88, 0), 0.03)
    return [
        (ToyPart.MAIN, np.minimum(torso, skull)), (ToyPart.SECOND, np.minimum(arm, np.minimum(leg, foot))),
        (ToyPart.PALE, eye), (ToyPart.DARK, sphere(both, (head * 0.5, 0.5, -0.32), 0.055)), (ToyPart.ACCENT, panel),
        (ToyPart.DARK, antenna), (ToyPart.ACCENT, sphere(p, (0, 0.92, 0), 0.08)),
        (ToyPart.DARK, box(p, (0, 0.32, -0.25), (0.16, 0.03, 0.03), 0.02)),
        (ToyPart.ACCENT, torus(translate(p, (0, 0.22, 0)), (0, 0, 0), 0.14, 0.05)),
    ]  # fmt: skip
