"""What stands behind the ground: skies, hills, woods, sea, walls and blurred rooms. Rows x columns x 3, RGB 0..255.

A horizon is painted from far to near: each function takes the picture so far and returns a new one.
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.compose.scenery.frames import Frame
from engine.compose.scenery.textures import RGB, TILE, Field, blur, enlarge, mix, noise, ridge


def sky(frame: Frame, top: RGB, low: RGB, clouds: float) -> Field:
    """A gradient with clouds (0 none .. 1 overcast) that thin out towards the horizon; brighter on the sun's side."""
    rng, rows, columns, sun = frame.rng, frame.rows, frame.size, frame.sun
    height = np.linspace(1, 0, rows, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    field = mix(low, top, (height**0.8) + 0 * across)
    drift = enlarge(noise(rng, (8, 4), 256, 256, 0.58), rows, columns)
    cover = np.clip((drift + 2.2 * clouds - 1.6) * 0.55, 0, 1) * np.clip(height * 4, 0, 1)
    shade = np.clip(0.75 - 0.25 * np.roll(drift, 6, 0), 0, 1)
    bright = mix(np.multiply(low, 0.88), (255, 253, 250), shade)
    lit = field + (bright - field) * (0.9 * cover)[..., None]
    return np.asarray(lit * (1.0 + 0.07 * sun * across)[..., None], np.float32)


def hills(frame: Frame, picture: Field, color: RGB, height: float, rough: float = 0.45) -> Field:
    """A range of hills up to about `height` (share of the picture's rows) above its lower edge."""
    rng, (rows, columns) = frame.rng, picture.shape[:2]
    crest = rows * (1.0 - height * (0.65 + 0.2 * ridge(rng, 4, columns, rough)))
    body = np.clip(np.arange(rows, dtype=np.float32)[:, None] - crest[None, :] + 0.5, 0, 1)
    depth = np.clip((np.arange(rows, dtype=np.float32)[:, None] - crest[None, :]) / (height * rows), 0, 1)
    tone = mix(color, np.minimum(np.multiply(color, 1.18) + 12, 255), depth)  # haze gathers at the foot
    return np.asarray(picture + (tone - picture) * body[..., None], np.float32)


def wood(frame: Frame, picture: Field, dark: RGB, light: RGB, height: float, *, pointed: bool = False) -> Field:
    """The edge of a wood: `pointed` firs, or round crowns, up to `height` of the picture's rows."""
    rng, (rows, columns) = frame.rng, picture.shape[:2]
    crowns = _firs(rng, columns) if pointed else _crowns(rng, columns)
    crest = rows * (1.0 - height * (0.7 + 0.16 * crowns))
    body = blur(np.clip(np.arange(rows, dtype=np.float32)[:, None] - crest[None, :] + 0.5, 0, 1), 0.7)
    leaves = enlarge(noise(rng, (16, 16), 256, 256, 0.75), rows, columns)
    fall = np.clip((np.arange(rows, dtype=np.float32)[:, None] - crest[None, :]) / (height * rows), 0, 1)
    tone = mix(dark, light, 0.62 - 0.55 * fall + 0.2 * leaves)
    return np.asarray(picture + (tone - picture) * body[..., None], np.float32)


def sea(frame: Frame, picture: Field, far: RGB, near: RGB, height: float) -> Field:
    """Water over the lowest `height` of the rows, with swell, glints and a line of foam on the beach."""
    rng, (rows, columns) = frame.rng, picture.shape[:2]
    deep = max(round(rows * height), 4)
    streaks = enlarge(noise(rng, (32, 4), 256, 256, 0.7), deep, columns)
    down = np.linspace(0, 1, deep, dtype=np.float32)[:, None]
    water = mix(far, near, down**1.5 + 0.1 * streaks) + 30 * np.clip(streaks - 1.6, 0, 1)[..., None]
    edge = 1.0 - (0.13 + 0.035 * ridge(rng, 6, columns, 0.6))[None, :]
    foam = np.exp(-(((down - edge) / 0.045) ** 2)) + np.exp(-(((down - edge + 0.3) / 0.025) ** 2)) * (streaks > 0)
    wet = np.clip((down - edge) / 0.05, 0, 1)
    water = mix((0, 0, 0), (1, 1, 1), 1 - wet) * water + wet[..., None] * np.asarray((176, 158, 128), np.float32)
    water += (np.asarray((250, 252, 252), np.float32) - water) * np.clip(foam * (0.8 + 0.2 * streaks), 0, 1)[..., None]
    out = picture.copy()
    out[rows - deep :] = water
    return out


def wall(frame: Frame, tile: Field, repeats: float) -> Field:
    """A wall of `tile`, `repeats` tiles across, lit from one side and darker towards the floor."""
    rows, columns = frame.rows, frame.size
    scale = TILE * repeats / columns
    x = (np.arange(columns, dtype=np.float32) * scale + frame.rng.uniform() * TILE) % TILE
    y = (np.arange(rows, dtype=np.float32)[::-1] * -scale) % TILE
    across, down = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    source = tile if scale < 1.5 else blur(tile, 0.4 * scale)
    face = cv2.remap(source, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    across = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    down = np.linspace(1, 0, rows, dtype=np.float32)[:, None]
    light = (1.0 + 0.13 * frame.sun * across) * (0.86 + 0.14 * np.clip(down * 2.5, 0, 1))
    return np.asarray(face * light[..., None], np.float32)


def bokeh(frame: Frame, base: RGB, lights: tuple[RGB, ...], count: int = 26) -> Field:
    """A room or garden far out of focus: soft patches and round discs of light, painted at half size."""
    rng, rows, columns = frame.rng, frame.rows // 2, frame.size // 2
    patches = enlarge(noise(rng, (2, 3), 64, 64, 0.5), rows, columns)
    field = mix(np.multiply(base, 0.62), np.minimum(np.multiply(base, 1.3), 250), 0.5 + 0.28 * patches)
    for _ in range(count):
        centre = (int(rng.uniform(0, columns)), int(rng.uniform(-0.1, 0.8) * rows))
        disc = np.zeros((rows, columns), np.float32)
        cv2.circle(disc, centre, max(int(rng.uniform(0.018, 0.06) * columns), 2), 1.0, -1, cv2.LINE_AA)
        color = np.asarray(lights[int(rng.integers(len(lights)))], np.float32)
        field += (color - field) * (disc * rng.uniform(0.12, 0.5))[..., None]
    return enlarge(blur(field, columns / 190), frame.rows, frame.size)


def trunks(frame: Frame, glow: RGB, leaf: RGB, bark: RGB) -> Field:
    """A wood from inside: light between the leaves, and trunks, the nearer the darker and wider."""
    rng, rows, columns = frame.rng, frame.rows, frame.size
    foliage = enlarge(noise(rng, (8, 8), 128, 128, 0.65), rows, columns)
    field = mix(np.multiply(leaf, 0.55), glow, 0.4 + 0.3 * foliage)
    for layer in range(3):
        haze = (0.55, 0.3, 0.0)[layer]
        for _ in range((9, 6, 3)[layer]):
            x, width = rng.uniform(0, columns), columns * rng.uniform(0.008, 0.014) * (1, 1.8, 3.2)[layer]
            lean = rng.normal(0, 0.02) * columns
            mask = np.zeros((rows, columns), np.float32)
            corners = [(x - width + lean, 0), (x + width + lean, 0), (x + 1.2 * width, rows), (x - 1.2 * width, rows)]
            cv2.fillConvexPoly(mask, np.round(np.multiply(corners, 16)).astype(np.int32), 1.0, cv2.LINE_AA, 4)
            tone = np.multiply(bark, 1 - haze) + np.multiply(leaf, haze)
            side = np.clip(0.8 + 0.35 * (np.arange(columns) - x) / width, 0.55, 1.25)[None, :, None]
            field += (tone * side - field) * mask[..., None] * 0.92
        field = blur(field, columns / (120, 190, 300)[layer])
    return field


def facades(frame: Frame, walls: tuple[RGB, ...], air: RGB) -> Field:
    """A row of houses with windows, out of focus."""
    rng, rows, columns = frame.rng, frame.rows, frame.size
    field = np.broadcast_to(np.asarray(air, np.float32), (rows, columns, 3)).copy()
    left = -int(rng.uniform(0, 0.1) * columns)
    while left < columns:
        width = int(columns * rng.uniform(0.17, 0.3))
        top = int(rows * rng.uniform(-0.3, 0.12))
        paint = np.multiply(walls[int(rng.integers(len(walls)))], rng.uniform(0.85, 1.08))
        cv2.rectangle(field, (left, top), (left + width, rows), paint.tolist(), -1)
        _windows(rng, field, left, width, top)
        left += width
    foot = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None] ** 8
    return np.asarray(blur(field, columns / 110) * (1 - np.float32(0.45) * foot), np.float32)


def stars(frame: Frame, picture: Field, count: int = 130) -> Field:
    """Points of light in the upper part."""
    rng, (rows, columns) = frame.rng, picture.shape[:2]
    light = np.zeros((rows, columns), np.float32)
    y, x = (rng.uniform(0, 0.8, count) * rows).astype(int), (rng.uniform(0, 1, count) * columns).astype(int)
    light[y, x] = rng.uniform(0.25, 1.0, count) ** 2
    glow = blur(light, 0.6) * 2.0 + blur(light, 1.6) * 1.4
    return np.asarray(picture + glow[..., None] * np.asarray((225, 232, 255), np.float32), np.float32)


def _windows(rng: np.random.Generator, field: Field, left: int, width: int, top: int) -> None:
    rows, columns = field.shape[:2]
    pane, gap = int(width * rng.uniform(0.16, 0.22)), int(width * 0.34)
    glass = np.multiply((92, 108, 122), rng.uniform(0.6, 1.2))
    for x in range(left + int(0.1 * width), left + width - pane, gap):
        for y in range(top + int(0.07 * columns), int(rows * 0.86), int(0.19 * columns)):
            frame = (x - 3, y - 3), (x + pane + 3, y + int(0.1 * columns) + 3)
            cv2.rectangle(field, *frame, (226, 220, 208), -1)
            cv2.rectangle(field, (x, y), (x + pane, y + int(0.1 * columns)), glass.tolist(), -1)


def _crowns(rng: np.random.Generator, columns: int) -> Field:
    """Overlapping round tree tops: their outline, about -1 to 2.5."""
    x = np.arange(columns, dtype=np.float32) / columns
    outline = ridge(rng, 64, columns, 0.7) * 0.25 - 0.8
    for _ in range(26):
        centre, radius, tall = rng.uniform(-0.03, 1.03), rng.uniform(0.03, 0.09), rng.uniform(0.2, 2.2)
        dome = np.sqrt(np.clip(1 - ((x - centre) / radius) ** 2, 0, 1))
        outline = np.maximum(outline, np.where(dome > 0, (tall + 1.5) * dome - 1.5, -9) + 0.12 * outline)
    return np.asarray(outline, np.float32)


def _firs(rng: np.random.Generator, columns: int) -> Field:
    """Overlapping spires: the outline of firs, about -1 to 3."""
    x = np.arange(columns, dtype=np.float32) / columns
    outline = np.full(columns, -1.0, np.float32)
    for _ in range(46):
        centre, tall, slope = rng.uniform(0, 1), rng.uniform(0.4, 2.6), rng.uniform(110, 170)
        outline = np.maximum(outline, tall - slope * np.abs(x - centre))
    return outline
