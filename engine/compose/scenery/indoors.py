"""Places under a roof, and tables: each paints a horizon and a ground. `engine.compose.backdrops` lists them."""

from __future__ import annotations

import cv2
import numpy as np

from engine.compose.scenery import horizons, materials
from engine.compose.scenery.frames import Frame, ground, pick, shaded_edge
from engine.compose.scenery.textures import Field, blur, enlarge, mix, noise


def table(frame: Frame) -> tuple[Field, Field]:
    """Boards, and a room or garden far out of focus."""
    base, *lights = pick(
        frame,
        ((122, 96, 72), (255, 222, 170), (246, 196, 130), (200, 150, 104)),
        ((88, 108, 96), (240, 240, 214), (206, 220, 180), (250, 228, 178)),
        ((112, 118, 128), (244, 244, 246), (214, 222, 232), (246, 222, 190)),
    )
    view = horizons.bokeh(frame, base, tuple(lights))
    wood = pick(
        frame,
        ((96, 58, 32), (182, 124, 76)),
        ((140, 98, 60), (216, 172, 122)),
        ((70, 44, 30), (140, 96, 64)),
    )
    return view, ground(frame, materials.planks(frame.rng, frame.sun, *wood, boards=5), 1.5, 0.3)


def kitchen(frame: Frame) -> tuple[Field, Field]:
    """A counter of polished stone before wall tiles."""
    glaze = pick(
        frame,
        ((206, 210, 208), (238, 240, 238)),
        ((120, 148, 142), (168, 192, 184)),
        ((196, 182, 160), (228, 218, 200)),
    )
    view = horizons.wall(frame, materials.slabs(frame.rng, frame.sun, *glaze, count=6, grout=0.8), 1.3)
    stone = pick(
        frame,
        ((150, 150, 152), (240, 238, 234)),
        ((40, 40, 44), (84, 84, 88)),
        ((176, 158, 136), (232, 220, 204)),
    )
    counter = ground(frame, materials.marble(frame.rng, frame.sun, *stone), 1.6, 0.24)
    return blur(view, frame.size / 240), shaded_edge(counter, 0.3)


def living_room(frame: Frame) -> tuple[Field, Field]:
    """A wooden floor, a painted wall with a picture and a skirting board."""
    paint = pick(
        frame,
        ((200, 190, 174), (228, 220, 206)),
        ((150, 166, 168), (186, 200, 200)),
        ((186, 160, 140), (220, 198, 178)),
    )
    view = _add_furniture(frame, horizons.wall(frame, materials.plaster(frame.rng, frame.sun, *paint), 1.0))
    wood = pick(
        frame,
        ((132, 86, 50), (206, 154, 102)),
        ((160, 124, 86), (222, 188, 146)),
        ((92, 60, 40), (158, 112, 76)),
    )
    floor = ground(frame, materials.planks(frame.rng, frame.sun, *wood, boards=7), 1.5, 0.2)
    return view, shaded_edge(floor, 0.35)


def studio(frame: Frame) -> tuple[Field, Field]:
    """Paper that curves from the wall to the floor: the ground line is the middle of a soft turn."""
    paper = np.asarray(
        pick(frame, (208, 208, 206), (222, 206, 190), (176, 192, 202), (214, 196, 198), (186, 196, 178)), np.float32
    )
    grain = enlarge(noise(frame.rng, (4, 4), 256, 256, 0.5), frame.size, frame.size)
    across = np.linspace(-1, 1, frame.size, dtype=np.float32)[None, :]
    down = (np.arange(frame.size, dtype=np.float32)[:, None] - frame.rows) / frame.size
    pool = np.exp(-((across - 0.35 * frame.sun) ** 2) / 1.1 - ((down + 0.2) ** 2) / 0.12)
    turn = 1 / (1 + np.exp(-down * 30))
    floor = 0.82 - 0.25 * np.clip(down, 0, 1) + 0.06 * pool
    share = (0.34 + 0.5 * pool) * (1 - turn) + floor * turn + 0.015 * grain
    picture = mix(paper * 0.66, np.minimum(paper * 1.16, 250), share)
    return picture[: frame.rows], picture[frame.rows :]


def _add_furniture(frame: Frame, view: Field) -> Field:
    """A framed picture, a little out of focus, and a skirting board."""
    rows, size = view.shape[:2]
    out = view.copy()
    left, inset = frame.rng.uniform(0.08, 0.6), size // 36
    border, canvas = pick(
        frame, ((236, 232, 224), (120, 138, 132)), ((70, 62, 56), (214, 196, 160)), ((228, 222, 210), (190, 120, 90))
    )
    x0, y0, x1, y1 = round(left * size), round(0.12 * rows), round((left + 0.26) * size), round(0.66 * rows)
    cv2.rectangle(out, (x0, y0), (x1, y1), border, -1)
    cv2.rectangle(out, (x0 + inset, y0 + inset), (x1 - inset, y1 - inset), canvas, -1)
    out = blur(out, size / 230)
    board = max(round(0.035 * size), 3)
    fall = np.linspace(1.02, 0.9, board, dtype=np.float32)[:, None, None]
    out[rows - board :] = np.asarray((232, 228, 220), np.float32) * fall
    out[rows - board] *= 0.8
    out[rows - 1] *= 0.6
    return out
