"""Colour and light: what a toy's surface looks like, from its concept's paints and from where the light stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.rows.values import Pixels
from engine.toybox.concepts import COLORS, ToyConcept
from engine.toybox.shapes.distance_fields import Field, Points, Vector, rotate
from engine.toybox.shapes.parts import ToyPart
from engine.toybox.shapes.ray_march import Surface

_FIXED = {
    ToyPart.DARK: (44, 42, 46),
    ToyPart.PALE: (244, 240, 232),
    ToyPart.LEAF: (82, 150, 78),
    ToyPart.GLOW: (255, 214, 120),
}
_GLOSS = {
    "matte": (0.06, 12.0),
    "glossy": (0.55, 70.0),
    "metallic": (0.75, 34.0),
    "felt": (0.0, 4.0),
    "wooden": (0.14, 22.0),
}
"""Strength and sharpness of the highlight."""


@dataclass(frozen=True, slots=True)
class Light:
    """Towards the lamp (camera frame, length 1), its colour, and the colours of sky and ground; linear, about 1."""

    towards: Vector
    lamp: Vector = (1.0, 0.97, 0.92)
    sky: Vector = (0.42, 0.45, 0.5)
    ground: Vector = (0.26, 0.24, 0.22)


def paint_toy(surface: Surface, concept: ToyConcept, light: Light) -> Pixels:
    """The toy as HxWx4, straight alpha."""
    base = _paint(surface, concept)
    color = _to_srgb(_shade(surface, concept, base, light))
    out = np.zeros((*surface.cover.shape, 4), np.uint8)
    out[surface.where, :3] = color
    out[..., 3] = np.rint(surface.cover * 255)
    return out


def _paint(surface: Surface, concept: ToyConcept) -> NDArray[np.float32]:
    """Linear colour of each hit, N x 3."""
    main, second, accent = (_linear(COLORS[name]) for name in concept.colors)
    table = np.zeros((len(ToyPart), 3), np.float32)
    table[ToyPart.MAIN], table[ToyPart.SECOND], table[ToyPart.ACCENT] = main, second, accent
    for part, color in _FIXED.items():
        table[part] = _linear(color)
    base = table[surface.part]
    body = surface.part == ToyPart.MAIN
    own = (surface.point[0][body], surface.point[1][body], surface.point[2][body])
    share = _pattern(own, concept)[:, None]
    base[body] = main + (second - main) * share
    if concept.material == "wooden":
        base[body] *= (0.82 + 0.18 * _grain(own))[:, None]
    if concept.material == "felt":
        base *= (0.94 + 0.06 * _fuzz(surface.point))[:, None]
    return base


def _linear(rgb: tuple[int, int, int]) -> NDArray[np.float32]:
    return np.asarray(np.power(np.asarray(rgb) / 255, 2.2), np.float32)


def _edge(value: Field, soft: float) -> Field:
    """0 below zero, 1 above, over a width of `soft`: patterns are anti-aliased too."""
    return np.asarray(np.clip(value / np.float32(soft) + np.float32(0.5), 0, 1), np.float32)


def _pattern(p: Points, concept: ToyConcept) -> Field:
    """How much of the second colour stands at each point, 0..1."""
    return _PATTERNS[concept.pattern](rotate(p, 50 * concept.turn - 25, "z"), concept.scale, concept.turn)


def _dot_lattice(p: Points, k: float) -> Field:
    """Balls on a body-centred lattice, cut by the surface: positive inside a dot."""
    total = np.full_like(p[0], -1)
    for offset in (0.0, 0.5):
        local = [((v * np.float32(k) + np.float32(offset)) % 1) - np.float32(0.5) for v in p]
        total = np.maximum(total, np.float32(0.3) - np.sqrt(local[0] ** 2 + local[1] ** 2 + local[2] ** 2))
    return total


def _waves(p: Points, k: float, seed: float) -> Field:
    """Smooth noise of about -1..1: sines of three scales, each bent by the one before."""
    a, x, y, z = np.float32(k), *p
    bend = np.sin(a * (x + 0.7 * y) + 6 * seed) + np.sin(a * (z - 0.6 * y) + 9 * seed)
    fine = np.sin(1.9 * a * (y + 0.5 * z) + 1.3 * bend) + np.sin(2.1 * a * (x - 0.4 * z) + 1.7 * bend + 4 * seed)
    return np.asarray((0.6 * bend + fine) / 3.2, np.float32)


def _grain(p: Points) -> Field:
    return np.asarray(np.sin(26 * (p[0] + 0.35 * np.sin(2.3 * p[1]) + 0.2 * p[2])), np.float32)


def _fuzz(p: Points) -> Field:
    value = np.sin(91.7 * p[0] + 47.3 * p[1]) * np.sin(83.1 * p[1] + 61.9 * p[2]) * np.sin(77.7 * p[2] + 71.1 * p[0])
    return np.asarray(value, np.float32)


def _plain(p: Points, k: float, turn: float) -> Field:
    del k, turn
    return np.zeros_like(p[0])


def _stripes(p: Points, k: float, turn: float) -> Field:
    return _edge(np.sin(np.float32(6.5 * k) * p[1] + np.float32(5 * turn)), 0.35)


def _dots(p: Points, k: float, turn: float) -> Field:
    return _edge(_dot_lattice(rotate(p, 45 * turn), 2.1 * k), 0.05)


def _checks(p: Points, k: float, turn: float) -> Field:
    del turn
    x, y, z = (np.float32(4.6 * k) * v for v in p)
    return _edge(np.sin(x) * np.sin(y) * np.cos(z / 2), 0.2)


def _zigzag(p: Points, k: float, turn: float) -> Field:
    del turn
    wave = np.abs((np.float32(1.4 * k) * (p[0] + p[2])) % 1 - np.float32(0.5))
    return _edge(np.sin(np.float32(6.5 * k) * p[1] + np.float32(5.5) * wave), 0.35)


def _marble(p: Points, k: float, turn: float) -> Field:
    return _edge(np.sin(np.float32(4 * k) * p[1] + np.float32(3.2) * _waves(p, 2.2 * k, turn)), 0.9)


def _dip(p: Points, k: float, turn: float) -> Field:
    del k
    return _edge(np.float32(0.3 - 0.7 * turn) - p[1], 0.03)


def _speckles(p: Points, k: float, turn: float) -> Field:
    return _edge(_waves(p, 7.5 * k, turn) - np.float32(0.55), 0.25)


_PATTERNS: Mapping[str, Callable[[Points, float, float], Field]] = {
    "plain": _plain,
    "striped": _stripes,
    "dotted": _dots,
    "checked": _checks,
    "zigzag": _zigzag,
    "marbled": _marble,
    "dipped": _dip,
    "speckled": _speckles,
}
"""Toy frame, scale and turn to the share of the second colour."""


def _shade(surface: Surface, concept: ToyConcept, base: NDArray[np.float32], light: Light) -> NDArray[np.float32]:
    """Lambert with a lamp and a hemisphere, a Blinn highlight, brightening at grazing angles; linear, N x 3."""
    nx, ny, nz = surface.normal
    lx, ly, lz = (np.float32(value) for value in light.towards)
    strength, sharp = _GLOSS[concept.material]
    facing = nx * lx + ny * ly + nz * lz
    wrap = 0.35 if concept.material == "felt" else 0.08
    direct = np.clip((facing + wrap) / (1 + wrap), 0, 1) * (0.12 + 0.88 * surface.lit)
    half = np.asarray([lx, ly, lz - 1], np.float32)
    half /= np.linalg.norm(half)
    glint = np.clip(nx * half[0] + ny * half[1] + nz * half[2], 0, 1) ** np.float32(sharp) * surface.lit
    grazing = np.clip(1 + nz, 0, 1) ** 3 * surface.open_
    up = (0.5 + 0.5 * ny)[:, None]
    around = np.asarray(light.ground, np.float32) * (1 - up) + np.asarray(light.sky, np.float32) * up
    lamp = np.asarray(light.lamp, np.float32)
    body = base * (around * surface.open_[:, None] + 0.95 * lamp * direct[:, None])
    tone = base if concept.material == "metallic" else np.ones_like(base)
    rim = (0.28 if concept.material == "felt" else 0.5 * strength + 0.05) * grazing[:, None]
    shine = strength * glint[:, None] * lamp * (0.3 + 0.7 * tone) + rim * np.asarray(light.sky, np.float32) * tone
    glow = (surface.part == ToyPart.GLOW)[:, None]
    return np.asarray(np.where(glow, base * 1.15, body + shine), np.float32)


def _to_srgb(linear: NDArray[np.float32]) -> Pixels:
    """Linear to sRGB, highlights rolled off above 0.8."""
    rolled = np.where(linear > 0.8, 0.8 + 0.2 * np.tanh((linear - 0.8) / 0.4), linear)
    return np.asarray(np.clip(rolled, 0, 1) ** (1 / 2.2) * 255 + 0.5, np.uint8)
