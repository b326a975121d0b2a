"""Flat tiles of material, `TILE` x `TILE` x 3, RGB 0..255, that repeat without a seam: what ground and walls are of.

Each takes the generator of the scene and the side `sun` of the light (-1 left .. 1 right).
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.compose.scenery.textures import RGB, TILE, Field, blur, mix, noise, relief


def sand(rng: np.random.Generator, sun: float, dark: RGB, light: RGB) -> Field:
    """Grains and trodden hollows."""
    hollows, grains = noise(rng, (8, 8), TILE, TILE, 0.45), noise(rng, (128, 128), TILE, TILE, 0.9)
    height = hollows + 0.1 * grains
    return mix(dark, light, 0.58 + 0.08 * hollows + 0.1 * grains) * relief(height, sun, 0.55)[..., None]


def snow(rng: np.random.Generator, sun: float, dark: RGB, light: RGB) -> Field:
    """Soft drifts with blue shade and a few glinting crystals."""
    drifts, grains = noise(rng, (4, 4), TILE, TILE, 0.42), noise(rng, (128, 128), TILE, TILE, 0.9)
    tile = mix(dark, light, 0.68 + 0.12 * drifts + 0.06 * grains) * relief(drifts + 0.03 * grains, sun, 0.9)[..., None]
    return tile + 26.0 * (grains > 3.0)[..., None]


def turf(rng: np.random.Generator, sun: float, dark: RGB, light: RGB) -> Field:
    """Short grass from above: clumps and fine tufts."""
    clumps, tufts = noise(rng, (4, 4), TILE, TILE, 0.6), noise(rng, (64, 64), TILE, TILE, 0.85)
    return mix(dark, light, 0.45 + 0.13 * clumps + 0.17 * tufts) * relief(tufts, sun, 0.12)[..., None]


def litter(rng: np.random.Generator, sun: float, soil: RGB, leaves: tuple[RGB, ...]) -> Field:
    """Fallen leaves over soil."""
    earth = mix(np.multiply(soil, 0.6), soil, 0.5 + 0.3 * noise(rng, (16, 16), TILE, TILE, 0.8))
    tile = np.asarray(earth, np.uint8)  # OpenCV smooths outlines on bytes only
    count = 900
    centres, angles = rng.uniform(0, TILE, (count, 2)), rng.uniform(0, 360, count)
    lengths, tones = rng.uniform(9, 19, count), rng.uniform(0.45, 1.15, count)
    kinds = rng.integers(0, len(leaves), count)
    for centre, angle, length, tone, kind in zip(centres, angles, lengths, tones, kinds, strict=True):
        color = tuple(min(float(channel * tone), 255.0) for channel in leaves[kind])
        for x, y in _wrapped_centres(centre, 20.0):
            cv2.ellipse(
                tile, (int(x), int(y)), (int(length), int(length * 0.45)), angle, 0, 360, color, -1, cv2.LINE_AA
            )
    rough = noise(rng, (32, 32), TILE, TILE, 0.8)
    bumps = np.asarray(blur(tile[..., 0].astype(np.float32), 0.7) / 40 + rough, np.float32)
    return np.asarray(tile * relief(bumps, sun, 0.16)[..., None], np.float32)


def planks(rng: np.random.Generator, sun: float, dark: RGB, light: RGB, *, boards: int = 6) -> Field:
    """Boards that run away from the viewer, each with its own tone, grain and end joint."""
    grain = noise(rng, (2, 64), TILE, TILE, 0.72)
    figure = noise(rng, (2, 16), TILE, TILE, 0.45)
    width = TILE / boards
    column = np.arange(TILE)
    board = (column // width).astype(int)
    shifts, tones = rng.integers(0, TILE, boards), rng.standard_normal((2, boards), np.float32)
    row = (np.arange(TILE)[:, None] + shifts[board][None, :]) % TILE
    half = (row > TILE * 0.5).astype(int)
    grain = grain[row, column[None, :]]
    tile = mix(dark, light, 0.5 + 0.11 * grain + 0.11 * figure + 0.17 * tones[half, board[None, :]])
    gap = np.minimum(column % width, width - column % width)[None, :]
    joint = np.minimum(np.abs(row - TILE * 0.5), np.minimum(row, TILE - row))
    seam = np.clip(np.minimum(gap / 1.7, (joint + 0.5) / 1.7), 0.28, 1.0).astype(np.float32)
    lit = relief(0.3 * grain, sun, 0.2)
    return np.asarray(tile * (seam * lit)[..., None], np.float32)


def slabs(rng: np.random.Generator, sun: float, dark: RGB, light: RGB, *, count: int = 4, grout: float = 0.62) -> Field:
    """Square slabs of stone or ceramic with grout of `grout` times the brightness."""
    speck, cloud = noise(rng, (64, 64), TILE, TILE, 0.85), _enlarge(noise(rng, (8, 8), TILE // 2, TILE // 2, 0.6))
    side = TILE / count
    index = np.arange(TILE)
    number = (index // side).astype(int)
    tone = rng.standard_normal((count, count), np.float32)[number[:, None], number[None, :]]
    tile = mix(dark, light, 0.5 + 0.09 * tone + 0.08 * cloud + 0.07 * speck)
    edge = np.minimum(index % side, side - index % side)
    gap = np.clip(np.minimum(edge[:, None], edge[None, :]) / 2.5 - 0.4, 0.0, 1.0).astype(np.float32)
    shine = (grout + (1 - grout) * gap) * relief(blur(gap, 1.0) * 1.2 + 0.1 * speck, sun, 0.22)
    return np.asarray(tile * shine[..., None], np.float32)


def cobbles(rng: np.random.Generator, sun: float, dark: RGB, light: RGB, *, count: int = 12) -> Field:
    """Rounded stones in staggered rows: the two nearest of jittered centres give the stone and its edge."""
    side = TILE // 2
    cell = side / count
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / cell
    jitter = rng.uniform(0.25, 0.75, (2, count, count)).astype(np.float32)
    tones = rng.standard_normal((count, count), np.float32)
    rows, columns = y.astype(int), x.astype(int)
    nearest = np.full((side, side), 9.0, np.float32)
    second, tone = nearest.copy(), np.zeros((side, side), np.float32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            r, c = (rows + down) % count, (columns + right) % count
            away = np.hypot(rows + down + jitter[0][r, c] - y, columns + right + jitter[1][r, c] - x)
            closer = away < nearest
            second = np.where(closer, nearest, np.minimum(second, away))
            tone = np.where(closer, tones[r, c], tone).astype(np.float32)
            nearest = np.where(closer, away, nearest)
    edge = _enlarge(np.clip((second - nearest) * 2.6, 0, 1))
    speck = noise(rng, (64, 64), TILE, TILE, 0.85)
    dome = np.sqrt(edge)
    tile = mix(dark, light, 0.5 + 0.14 * _enlarge(tone) + 0.07 * speck)
    shine = (0.35 + 0.65 * dome) * relief(3.0 * dome + 0.15 * speck, sun, 0.4)
    return np.asarray(tile * shine[..., None], np.float32)


def bricks(rng: np.random.Generator, sun: float, tones: tuple[RGB, RGB], mortar: RGB) -> Field:
    """Running bond, 16 courses of 6 bricks."""
    courses, across = 16, 6
    tall, wide = TILE / courses, TILE / across
    row = np.arange(TILE)
    course = (row // tall).astype(int)
    column = (row[None, :] + (course % 2)[:, None] * (wide / 2)) % TILE
    brick = np.minimum((column // wide).astype(int), across - 1)
    tone = rng.standard_normal((courses, across), np.float32)[course[:, None], brick]
    speck, cloud = noise(rng, (64, 64), TILE, TILE, 0.85), _enlarge(noise(rng, (8, 8), TILE // 2, TILE // 2, 0.6))
    face = mix(*tones, 0.5 + 0.17 * tone + 0.08 * cloud + 0.1 * speck)
    up = np.minimum(row % tall, tall - row % tall)[:, None]
    side = np.minimum(column % wide, wide - column % wide)
    solid = np.clip((np.minimum(up, side) + 0.4 * speck) / 1.6 - 1.0, 0, 1).astype(np.float32)
    joints = mix(np.multiply(mortar, 0.85), mortar, 0.5 + 0.3 * speck)
    wall = joints + (face - joints) * solid[..., None]
    shine = relief(blur(solid, 0.8) + 0.08 * speck, sun, 0.22)
    return np.asarray(wall * shine[..., None], np.float32)


def marble(rng: np.random.Generator, sun: float, dark: RGB, light: RGB) -> Field:
    """Polished stone with thin veins, where noise crosses zero."""
    del sun  # polished: no bumps to light
    cloud, course = noise(rng, (4, 4), TILE, TILE, 0.5), noise(rng, (4, 4), TILE, TILE, 0.55)
    veins = np.exp(-np.abs(course) * 14) * np.clip(0.6 + 0.5 * cloud, 0, 1)
    return mix(dark, light, 0.85 + 0.08 * cloud - 0.5 * veins)


def plaster(rng: np.random.Generator, sun: float, dark: RGB, light: RGB) -> Field:
    """A painted wall."""
    cloud, grain = noise(rng, (4, 4), TILE, TILE, 0.5), noise(rng, (128, 128), TILE, TILE, 0.9)
    return mix(dark, light, 0.6 + 0.1 * cloud + 0.04 * grain) * relief(grain, sun, 0.012)[..., None]


def _wrapped_centres(centre: Field, margin: float) -> list[tuple[float, float]]:
    """The centre, and its copies beyond the opposite edges where it is within `margin` of one."""
    spans = []
    for value in (float(centre[0]), float(centre[1])):
        near = [value, *([value + TILE] if value < margin else []), *([value - TILE] if value > TILE - margin else [])]
        spans.append(near)
    return [(x, y) for x in spans[0] for y in spans[1]]


def _enlarge(field: Field) -> Field:
    large = cv2.resize(np.pad(field, 1, mode="wrap"), None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[2:-2, 2:-2], np.float32)
