"""The darkroom: renders backdrops, views of toys, photos and groups of them into memory-mapped arrays, several at once.

Views of a toy are marched once (50 ms) and used in a photo and in groups; putting a picture together takes 8 ms.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypedDict, cast, final

import cv2
import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from engine.compose.backdrops import BACKDROPS
from engine.geometry import Box
from engine.rows.values import Pixels
from engine.seeds import derive, rng
from engine.toybox.classes import CLASSES
from engine.toybox.concepts import draw_concept
from engine.toybox.places import SCENES
from engine.toybox.studio import Picture, ToyPlace, assemble, place, spread, standing_box, view

SIZE = 256  # px, the canvas of the micro family
MOST = 5  # toys a picture has room for
PLACE_SIZE = 288  # px; each picture is a crop of its own
PICTURES_A_PLACE = 10  # each a crop of its own, half of them mirrored
MOST_PLACES, LEAST_PLACES = 100, 4  # of each scene
VIEW_SIZE = 192
CHUNK = 64


@final
class Share(TypedDict):
    """The arrays of a set; see `engine.toybox.sets.ToySet`."""

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    counts: NDArray[np.int8]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int16]
    instances: NDArray[np.int32]
    scenes: NDArray[np.int16]


_KINDS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "images": ("u1", (SIZE, SIZE, 3)),
    "masks": ("u1", (SIZE, SIZE)),
    "counts": ("i1", ()),
    "boxes": ("f4", (MOST, 4)),
    "classes": ("i2", (MOST,)),
    "instances": ("i4", (MOST,)),
    "scenes": ("i2", ()),
}


def render_set(folder: Path, kind: str, facts: Mapping[str, int], processes: int) -> None:
    """Render ``photos<kind>`` and ``groups<kind>`` into `folder`.

    Args:
        folder: of the sets.
        kind: "" or "_test".
        facts: seed, instances, views (of each), groups.
        processes: how many render at a time.
    """
    work = folder / f"_work{kind}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    seed, views = facts["seed"], facts["instances"] * facts["views"]
    wanted = (views + facts["groups"]) // (PICTURES_A_PLACE * len(SCENES))
    backdrops = len(SCENES) * (min(max(wanted, LEAST_PLACES), MOST_PLACES) // 2 * 2)
    _new(work / "places.npy", "u1", (backdrops, PLACE_SIZE, PLACE_SIZE, 3))
    _new(work / "views.npy", "u1", (views, VIEW_SIZE, VIEW_SIZE, 4))
    _new(work / "extents.npy", "i2", (views, 2))
    for name, count in (("photos", views), ("groups", facts["groups"])):
        shutil.rmtree(folder / f"{name}{kind}", ignore_errors=True)
        for key, (dtype, shape) in _KINDS.items():
            _new(folder / f"{name}{kind}" / f"{key}.npy", dtype, (count, *shape))
    each = facts["views"]
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for job, count in (
            (partial(_render_places, work, seed), backdrops),
            (partial(_render_views, work, seed, each), views),
            (partial(_render_photos, work, folder / f"photos{kind}", seed, each), views),
            (partial(_render_groups, work, folder / f"groups{kind}", seed, each), facts["groups"]),
        ):
            _everywhere(pool, job, count)
    shutil.rmtree(work)


def _everywhere(pool: ProcessPoolExecutor, job: Callable[[range], None], count: int) -> None:
    list(pool.map(job, [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]))


def _new(path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()


def _place_seed(seed: int, number: int) -> int:
    return derive(seed, "toybox", "place", number)


def _sun_side(number: int) -> int:
    """Backdrops and views take turns: even ones are lit from the right."""
    return 1 if number % 2 == 0 else -1


def _render_places(work: Path, seed: int, numbers: range) -> None:
    places = np.load(work / "places.npy", mmap_mode="r+")
    for number in numbers:
        name = SCENES[(number // 2) % len(SCENES)][0]
        places[number] = place(name, _place_seed(seed, number), PLACE_SIZE, side=_sun_side(number)).pixels


def _render_views(work: Path, seed: int, each: int, numbers: range) -> None:
    views, extents = (np.load(work / name, mmap_mode="r+") for name in ("views.npy", "extents.npy"))
    for number in numbers:
        concept = draw_concept(seed, number // each)
        toy = view(concept, derive(seed, "toybox", "view", number), VIEW_SIZE, sun=0.8 * _sun_side(number))
        toy = toy[:VIEW_SIZE, :VIEW_SIZE]
        extents[number] = toy.shape[:2]
        views[number, : toy.shape[0], : toy.shape[1]] = toy


def _crop(work: Path, draw: np.random.Generator, side: int) -> tuple[int, ToyPlace]:
    """A window on a random backdrop with light from `side`, mirrored at times: its scene's number, and the place."""
    places = np.load(work / "places.npy", mmap_mode="r")
    flip = bool(draw.random() < 0.5)
    number = 2 * int(draw.integers(len(places) // 2)) + (0 if (side == 1) != flip else 1)
    scene = (number // 2) % len(SCENES)
    left, top = (int(value) for value in draw.integers(0, PLACE_SIZE - SIZE + 1, 2))
    pixels = places[number, top : top + SIZE, left : left + SIZE]
    line = (BACKDROPS[SCENES[scene][0]].ground_line * PLACE_SIZE - top) / SIZE
    seen = pixels[:, ::-1] if flip else pixels
    return scene, ToyPlace(SCENES[scene][0], np.ascontiguousarray(seen), 0.8 * side, line)


def _toy(work: Path, number: int) -> Pixels:
    tall, wide = np.load(work / "extents.npy", mmap_mode="r")[number]
    return np.ascontiguousarray(np.load(work / "views.npy", mmap_mode="r")[number, :tall, :wide])


def _render_photos(work: Path, folder: Path, seed: int, each: int, numbers: range) -> None:
    out = _open(folder)
    for number in numbers:
        draw = rng(seed, "toybox", f"photo {number}")
        scene, where = _crop(work, draw, _sun_side(number))
        toy, share = _toy(work, number), float(draw.uniform(0.35, 0.9))
        foot = float(draw.uniform(max(where.ground_line + 0.1, 0.98 * share), 1.0))
        box = standing_box(toy, share, (float(draw.uniform(0.25, 0.75)), min(foot, 0.99)))
        _store(out, number, assemble(where, [toy], [box]), [number // each], scene)


def _render_groups(work: Path, folder: Path, seed: int, each: int, numbers: range) -> None:
    out = _open(folder)
    total = len(np.load(work / "extents.npy", mmap_mode="r"))
    for number in numbers:
        draw = rng(seed, "toybox", f"scene {number}")
        side = int(draw.choice([-1, 1]))
        scene, where = _crop(work, draw, side)
        chosen = 2 * draw.choice(total // 2, int(draw.integers(2, 5)), replace=False) + (0 if side == 1 else 1)
        toys = [_toy(work, int(choice)) for choice in chosen]
        boxes: list[Box] = spread(draw, toys, where.ground_line)
        _store(out, number, assemble(where, toys, boxes), [int(choice) // each for choice in chosen], scene)


def _open(folder: Path) -> Share:
    return cast("Share", {key: np.load(folder / f"{key}.npy", mmap_mode="r+") for key in _KINDS})


def _store(out: Share, number: int, picture: Picture, instances: list[int], scene: int) -> None:
    count = len(instances)
    out["images"][number] = picture.image
    out["masks"][number] = np.minimum(sum(layer.astype(np.uint16) for layer in picture.layers), 255)
    out["counts"][number], out["scenes"][number] = count, scene
    out["classes"][number], out["instances"][number] = -1, -1
    out["boxes"][number, :count] = picture.boxes
    out["classes"][number, :count] = [instance % len(CLASSES) for instance in instances]
    out["instances"][number, :count] = instances
