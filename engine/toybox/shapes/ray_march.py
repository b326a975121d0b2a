"""From a solid to what a camera sees of it: sphere tracing (Hart 1996) through a square, parallel view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.toybox.shapes.distance_fields import Field, Points, Vector
from engine.toybox.shapes.parts import ToyPart

Solid = Callable[[Points], Sequence[tuple[ToyPart, Field]]]

STEPS = 64
REACH = 1.75  # no toy is farther from its origin
_SCOUT = 56  # px of the first, coarse look that finds the frame


@dataclass(frozen=True, slots=True)
class Pose:
    """Camera: `yaw` and `tilt` in degrees (how far the toy is turned, how far the camera looks down); `roll` of it."""

    yaw: float
    tilt: float
    roll: float = 0.0


@dataclass(frozen=True, slots=True)
class Surface:
    """What is seen, one entry per pixel that the toy covers, in the order of `where`.

    `cover` HxW, 0..1, anti-aliased. `where` HxW bool. Per hit: `part` uint8, `point` (toy frame), `normal` (camera
    frame: x right, y up, z towards the scene), `open_` 0..1 (how much sky is seen), `lit` 0..1 (not in own shadow).
    """

    cover: Field
    where: NDArray[np.bool_]
    part: NDArray[np.uint8]
    point: Points
    normal: Points
    open_: Field
    lit: Field


def look(solid: Solid, pose: Pose, light: Vector, side: int) -> Surface:
    """The toy, its longest side about `side` pixels, in a frame that just holds it.

    Args:
        solid: of the toy.
        pose: of the camera.
        light: towards the light, camera frame, length 1.
        side: pixels.
    """
    camera = _camera(pose)
    scout = _Frame(-REACH, REACH, -REACH, REACH, _SCOUT, _SCOUT)
    _, nearest = _march(solid, camera, scout)
    seen = nearest.reshape(_SCOUT, _SCOUT) < 2 * scout.pixel
    frame = scout.around(seen, side)
    return _surface(solid, camera, frame, light)


@dataclass(frozen=True, slots=True)
class _Frame:
    x0: float
    x1: float
    y0: float
    y1: float
    columns: int
    rows: int

    @property
    def pixel(self) -> float:
        return (self.x1 - self.x0) / self.columns

    def around(self, seen: NDArray[np.bool_], side: int) -> _Frame:
        """The frame that holds every pixel seen, with a margin of one."""
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        x0, x1 = (self.x0 + (columns[index] + offset) * self.pixel for index, offset in ((0, 0), (-1, 1)))
        y1, y0 = (self.y1 - (rows[index] + offset) * self.pixel for index, offset in ((0, 0), (-1, 1)))
        pixel = max(x1 - x0, y1 - y0) / side
        wide, tall = round((x1 - x0) / pixel), round((y1 - y0) / pixel)
        return _Frame(x0, x0 + wide * pixel, y0, y0 + tall * pixel, wide, tall)

    def centres(self) -> tuple[Field, Field]:
        x = self.x0 + (np.arange(self.columns) + 0.5) * self.pixel
        y = self.y1 - (np.arange(self.rows) + 0.5) * self.pixel
        u, v = np.meshgrid(x, y)
        return u.ravel().astype(np.float32), v.ravel().astype(np.float32)


def _camera(pose: Pose) -> NDArray[np.float32]:
    """Rows: right, up and forward of the camera in the toy's frame."""
    yaw, tilt, roll = np.radians([pose.yaw, pose.tilt, pose.roll])
    forward = np.array([np.sin(yaw) * np.cos(tilt), -np.sin(tilt), np.cos(yaw) * np.cos(tilt)])
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    up = np.cross(forward, right)
    leaned = np.cos(roll) * right + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * right
    return np.stack([*leaned, forward]).astype(np.float32)


def _along(start: Points, way: NDArray[np.float32] | Points, t: Field | np.float32) -> Points:
    return start[0] + t * way[0], start[1] + t * way[1], start[2] + t * way[2]


def _nearest(solid: Solid, p: Points) -> Field:
    distances = [distance for _, distance in solid(p)]
    total = distances[0]
    for distance in distances[1:]:
        total = np.minimum(total, distance)
    return total


def _march(solid: Solid, camera: NDArray[np.float32], frame: _Frame) -> tuple[Field, Field]:
    """Depth of each ray, and how near it came to the toy. Rays that hit or leave are marched no further."""
    right, up, forward = camera
    u, v = frame.centres()
    start = tuple(u * right[axis] + v * up[axis] - np.float32(2) * forward[axis] for axis in range(3))
    depth, nearest = np.zeros(u.shape, np.float32), np.full(u.shape, np.float32(9))
    live = np.arange(u.size)
    t, origin = depth.copy(), (start[0], start[1], start[2])
    hit = np.float32(0.2 * frame.pixel)
    for _ in range(STEPS):
        distance = _nearest(solid, _along(origin, forward, t))
        closer = distance < nearest[live]
        nearest[live[closer]] = distance[closer]
        depth[live[closer]] = t[closer]
        t = t + np.clip(distance, -0.1, 0.6) * np.float32(0.92)
        going = (distance > hit) & (t < 4)
        if not going.any():
            break
        if going.mean() < 0.8:
            live, t = live[going], t[going]
            origin = origin[0][going], origin[1][going], origin[2][going]
    return depth, nearest


def _surface(solid: Solid, camera: NDArray[np.float32], frame: _Frame, light: Vector) -> Surface:
    depth, nearest = _march(solid, camera, frame)
    cover = np.clip(
        1.15 - nearest / np.float32(frame.pixel), 0, 1
    )  # a ray that passes within a pixel covers part of it
    where = cover > 0
    right, up, forward = camera
    u, v = (values[where] for values in frame.centres())
    start = tuple(u * right[axis] + v * up[axis] - np.float32(2) * forward[axis] for axis in range(3))
    point = _along((start[0], start[1], start[2]), forward, depth[where])
    parts = solid(point)
    part = np.asarray([int(name) for name, _ in parts], np.uint8)[np.argmin([d for _, d in parts], axis=0)]
    gradient = _gradient(solid, point)
    towards = np.asarray(light, np.float32) @ camera
    shape = (frame.rows, frame.columns)
    return Surface(
        cover=cover.reshape(shape).astype(np.float32),
        where=where.reshape(shape),
        part=part,
        point=point,
        normal=tuple(sum(gradient[axis] * row[axis] for axis in range(3)) for row in camera),
        open_=_openness(solid, point, gradient),
        lit=_soft_shadow(solid, point, gradient, towards),
    )


def _gradient(solid: Solid, p: Points) -> Points:
    """Unit normals from four samples at the corners of a tetrahedron (Quilez)."""
    step = np.float32(0.006)
    total = [np.zeros_like(p[0]) for _ in range(3)]
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        sign = np.asarray(corner, np.float32)
        value = _nearest(solid, (p[0] + step * sign[0], p[1] + step * sign[1], p[2] + step * sign[2]))
        for axis in range(3):
            total[axis] += sign[axis] * value
    length = np.maximum(np.sqrt(total[0] ** 2 + total[1] ** 2 + total[2] ** 2), np.float32(1e-6))
    return total[0] / length, total[1] / length, total[2] / length


def _openness(solid: Solid, p: Points, normal: Points) -> Field:
    """Ambient occlusion from four samples along the normal (Quilez): 1 in the open, towards 0 in a corner."""
    hidden = np.zeros_like(p[0])
    for distance, weight in ((0.04, 1.0), (0.1, 0.6), (0.2, 0.4), (0.34, 0.25)):
        step = np.float32(distance)
        hidden += np.float32(weight) * np.maximum(step - _nearest(solid, _along(p, normal, step)), 0)
    return np.asarray(np.clip(1 - 2.2 * hidden, 0.15, 1), np.float32)


def _soft_shadow(solid: Solid, p: Points, normal: Points, towards: NDArray[np.float32]) -> Field:
    """Soft own shadow: the least of 9 d / t on the way to the light."""
    start = _along(p, normal, np.float32(0.02))
    lit, t = np.ones_like(p[0]), np.full_like(p[0], np.float32(0.04))
    for _ in range(14):
        distance = _nearest(solid, _along(start, towards, t))
        lit = np.minimum(lit, np.float32(9) * np.maximum(distance, 0) / t)
        t = t + np.clip(distance, 0.03, 0.25)
    return np.asarray(np.clip(lit, 0, 1), np.float32)
