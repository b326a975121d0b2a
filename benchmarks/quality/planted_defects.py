"""Compositions with one known defect each, as a planner, a painter or a segmenter would make it.

Swapped, missing and surplus things are in the picture alone, and the record does not know; what floats or was cut off
is recorded as it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from engine.geometry import Box, intersection
from engine.photos.library import CutoutInfo, Library
from engine.rows.composition import Composition, Placement
from engine.rows.values import Pixels

CLEAN = "clean"
APART = 0.1  # of a thing's box that another may cover


@dataclass(frozen=True, slots=True)
class Planted:
    """What is drawn, and what is believed of it."""

    drawn: tuple[Placement, ...]
    believed: Composition


Draw = np.random.Generator
Plant = Callable[[Composition, Library, Draw], Planted | None]


def clean(row: Composition, library: Library, draw: Draw) -> Planted:
    """Nothing wrong."""
    del library, draw
    return Planted(row.placements, row)


def swapped(row: Composition, library: Library, draw: Draw) -> Planted | None:
    """Two things stand in each other's place."""
    one, other = (int(place) for place in draw.permutation(len(row.placements))[:2])
    a, b = row.placements[one], row.placements[other]
    if library.cutouts[a.cutout_id].concept == library.cutouts[b.cutout_id].concept:
        return None
    drawn = list(row.placements)
    drawn[one] = fitted(a, library.cutouts[b.cutout_id])
    drawn[other] = fitted(b, library.cutouts[a.cutout_id])
    return Planted(tuple(drawn), row)


def missing(row: Composition, library: Library, draw: Draw) -> Planted | None:
    """A thing is not there; not one that carries another."""
    del library
    free = [at for at in row.placements if f"on:{at.order}" not in {other.support for other in row.placements}]
    gone = free[int(draw.integers(len(free)))]
    return Planted(tuple(at for at in row.placements if at is not gone), row)


def surplus(row: Composition, library: Library, draw: Draw) -> Planted | None:
    """One more thing of a class that is in the row, as large as that one, beside all others."""
    model = row.placements[int(draw.integers(len(row.placements)))]
    name = library.cutouts[model.cutout_id].class_name
    alike = [key for key, info in library.cutouts.items() if info.class_name == name and key != model.cutout_id]
    if not alike:
        return None
    extra = fitted(model, library.cutouts[alike[int(draw.integers(len(alike)))]])
    box, ground = Box(*extra.box), row.ground_line or 0.5
    taken = [Box(*at.box) for at in row.placements]
    for _ in range(200):
        x0 = float(draw.uniform(0, 1 - box.width))
        base = float(draw.uniform(max(ground + 0.02, box.height), 1.0))
        there = Box(x0, base - box.height, x0 + box.width, base)
        if all(intersection(there, other) <= APART * min(there.area, other.area) for other in taken):
            place = (there.x0, there.y0, there.x1, there.y1)
            return Planted((*row.placements, replace(extra, box=place, order=len(taken), support="ground")), row)
    return None


def floating(row: Composition, library: Library, draw: Draw) -> Planted | None:
    """A thing that should stand hangs above the ground line."""
    del library
    ground = row.ground_line or 0.5
    able = [k for k, at in enumerate(row.placements) if at.support == "ground" and Box(*at.box).height < ground - 0.05]
    if not able:
        return None
    place = able[int(draw.integers(len(able)))]
    at = row.placements[place]
    box = Box(*at.box)
    base = float(draw.uniform(box.height, ground - 0.03))
    lifted = replace(at, box=(box.x0, base - box.height, box.x1, base))
    drawn = (*row.placements[:place], lifted, *row.placements[place + 1 :])
    return Planted(drawn, replace(row, placements=drawn))


def cut_off(row: Composition, library: Library, draw: Draw) -> Planted | None:
    """Of a thing, 35 to 60 % of its length or height were lost, and its segmenter did not notice."""
    place = int(draw.integers(len(row.placements)))
    at = row.placements[place]
    whole = library.pixels(at.cutout_id)
    kept = _part(whole, float(draw.uniform(0.4, 0.65)), str(draw.choice(["left", "top", "right", "bottom"])))
    if kept is None:
        return None
    name = f"~{row.sample_id}-{at.cutout_id}"  # after all others: never among the references of its concept
    info = replace(library.cutouts[at.cutout_id], cutout_id=name, height=kept.shape[0], width=kept.shape[1])
    remember(library, info, kept)
    drawn = (*row.placements[:place], replace(fitted(at, info), cutout_id=name), *row.placements[place + 1 :])
    cast = tuple(name if key == at.cutout_id else key for key in row.cast)
    return Planted(drawn, replace(row, placements=drawn, cast=cast))


KINDS: Mapping[str, Plant] = {
    CLEAN: clean,
    "swapped": swapped,
    "missing": missing,
    "surplus": surplus,
    "floating": floating,
    "cut off": cut_off,
}


def fitted(at: Placement, info: CutoutInfo) -> Placement:
    """Another cut-out in the box of a placement: as large as fits, on the same base."""
    box = Box(*at.box)
    width = min(box.width, box.height * info.aspect)
    height, middle = width / info.aspect, (box.x0 + box.x1) / 2
    return replace(at, cutout_id=info.cutout_id, box=(middle - width / 2, box.y1 - height, middle + width / 2, box.y1))


def remember(library: Library, info: CutoutInfo, pixels: Pixels) -> None:
    """Add a cut-out to a library in memory."""
    assert isinstance(library.cutouts, dict)
    library.cutouts[info.cutout_id] = info
    library.cache.keep(info.cutout_id, pixels)


def _part(whole: Pixels, share: float, lost: str) -> Pixels | None:
    """What is left of HxWx4 pixels when a side is lost, tight; None where hardly anything is."""
    height, width = whole.shape[:2]
    rows, columns = slice(0, height), slice(0, width)
    if lost in ("left", "right"):
        columns = slice(width - round(share * width), width) if lost == "left" else slice(0, round(share * width))
    else:
        rows = slice(height - round(share * height), height) if lost == "top" else slice(0, round(share * height))
    part = whole[rows, columns]
    solid = part[..., 3] >= 128
    if solid.sum() < 64:
        return None
    ys, xs = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    return np.ascontiguousarray(part[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1])
