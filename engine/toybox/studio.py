"""The studio: toys on a backdrop, with the truth about where each one is.

A picture is put together as the engine's own pipeline does it (`engine.compose.paste`, `engine.compose.shadows`), so
that what is learned from Toybox pictures holds for compositions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.compose.backdrops import BACKDROPS, render, sun
from engine.compose.paste import over, paste
from engine.compose.shadows import with_shadows
from engine.geometry import Box
from engine.rows.composition import Placement
from engine.rows.values import Pixels
from engine.seeds import derive, rng
from engine.toybox.classes import FORMS
from engine.toybox.concepts import ToyConcept
from engine.toybox.paint import Light, paint_toy
from engine.toybox.shapes.ray_march import Pose, look

LOWEST_TILT, HIGHEST_TILT = 8.0, 26.0  # degrees the camera looks down
SHARPNESS = 1.25  # toys are rendered this much larger than they are shown: reduction smooths what marching does not
LEAST_VISIBLE = 0.65
_TRIES = 40


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo and its truth.

    `image` SxSx3; `layers` one SxS soft mask per toy after occlusion; `boxes` x0, y0, x1, y1 in 0..1, one per toy, of
    the whole toy, hidden parts included.
    """

    image: Pixels
    layers: tuple[Pixels, ...]
    boxes: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class ToyPlace:
    """An empty backdrop, the side its light comes from (-1 left .. 1 right), and where its ground begins, 0..1."""

    name: str
    pixels: Pixels
    sun: float
    ground_line: float


def place(name: str, seed: int, size: int, *, side: int = 0) -> ToyPlace:
    """A backdrop; `side` -1 or 1 asks for light from there.

    Raises:
        UsageError: BACKDROP_UNKNOWN.
    """
    while side and np.sign(sun(seed)) != side:
        seed = derive(seed, "other side")
    return ToyPlace(name, render(name, seed, size), sun(seed), BACKDROPS[name].ground_line)


def view(concept: ToyConcept, seed: int, side: int, *, sun: float) -> Pixels:
    """The toy alone, HxWx4, its longest side about `side` px, from a pose that the seed draws.

    Args:
        concept: which toy.
        seed: of the photo.
        side: pixels.
        sun: side of the light, -1 .. 1.
    """
    draw = rng(seed, "toybox", "pose")
    form = FORMS[concept.class_name]
    pose = Pose(
        yaw=form.front + form.sway * float(draw.uniform(-1, 1)),
        tilt=float(draw.uniform(LOWEST_TILT, HIGHEST_TILT)),
        roll=float(draw.normal(0, 2.5)),
    )
    lamp = np.array([sun * draw.uniform(0.5, 0.9), draw.uniform(0.55, 0.9), -draw.uniform(0.45, 0.8)])
    lamp /= np.linalg.norm(lamp)
    warm, power = draw.uniform(-0.07, 0.07), draw.uniform(0.85, 1.1)
    light = Light(
        (float(lamp[0]), float(lamp[1]), float(lamp[2])),
        lamp=(power * (1 + warm), power * 0.98, power * (0.95 - warm)),
    )
    surface = look(lambda p: form.solid(p, concept.shape), pose, light.towards, side)
    return paint_toy(surface, concept, light)


def photograph(concept: ToyConcept, seed: int, size: int) -> tuple[Picture, str]:
    """One photo of one toy, and the name of the backdrop that it stands on."""
    draw = rng(seed, "toybox", "photo")
    where = place(str(draw.choice(list(BACKDROPS))), derive(seed, "place"), size)
    share = float(draw.uniform(0.5, 0.85))
    toy = view(concept, seed, round(SHARPNESS * share * size), sun=where.sun)
    box = standing_box(toy, share, (float(draw.uniform(0.42, 0.58)), float(draw.uniform(0.86, 0.97))))
    return assemble(where, [toy], [box]), where.name


def standing_box(toy: Pixels, share: float, foot: tuple[float, float]) -> Box:
    """The box of a toy whose longest side takes `share` of the picture and whose foot stands at (x, y), 0..1."""
    tall, wide = toy.shape[:2]
    unit = share / max(tall, wide)
    half = min(wide * unit / 2, 0.5)
    x = min(max(foot[0], half), 1 - half)
    return Box(x - half, max(foot[1] - tall * unit, 0.0), x + half, foot[1])


def spread(draw: np.random.Generator, toys: Sequence[Pixels], ground_line: float) -> list[Box]:
    """Boxes for several toys on one ground, far to near: nearer ones larger, each at least 65 % in sight."""
    sizes = draw.uniform(0.75, 1.15, len(toys)) * (0.5, 0.5, 0.44, 0.4, 0.36)[len(toys) - 1]
    depths = np.sort(draw.uniform(0.0, 1.0, len(toys)))
    boxes: list[Box] = []
    for toy, size, depth in zip(toys, sizes, depths, strict=True):
        foot = ground_line + 0.16 + (0.8 - ground_line) * float(depth)
        share = float(np.clip(size * (0.62 + 0.55 * depth), 0.16, 0.62))
        tried = [standing_box(toy, share, (float(x), foot)) for x in draw.uniform(0.05, 0.95, _TRIES)]
        boxes.append(min(tried, key=lambda box: max((_hidden_share(box, other) for other in boxes), default=0.0)))
    return boxes


def _hidden_share(near: Box, far: Box) -> float:
    """Share of the far box behind the near one, stepped, so that the first of equally good places is taken."""
    wide = min(near.x1, far.x1) - max(near.x0, far.x0)
    tall = min(near.y1, far.y1) - max(near.y0, far.y0)
    share = max(wide, 0.0) * max(tall, 0.0) / ((far.x1 - far.x0) * (far.y1 - far.y0))
    return max(share - (1 - LEAST_VISIBLE) * 0.6, 0.0)


def assemble(where: ToyPlace, toys: Sequence[Pixels], boxes: Sequence[Box]) -> Picture:
    """Toys on their backdrop, far to near, shadows under them."""
    placements = [
        Placement(
            cutout_id=str(number),
            box=(box.x0, box.y0, box.x1, box.y1),
            flip=False,
            order=number,
            support="ground",
            relative_size=1.0,
        )
        for number, box in enumerate(boxes)
    ]
    laid = paste(where.pixels, toys, placements)
    ground = with_shadows(where.pixels, laid.layers, placements, sun=where.sun, ground_line=where.ground_line)
    return Picture(over(laid.foreground, ground), laid.layers, tuple(item.box for item in placements))
