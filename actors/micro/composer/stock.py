"""Cut-outs of toys and empty backdrops, rendered once: what the composer's pictures are put together from.

A cut-out takes 29 ms to render and 4 ms to place, so a few thousand of them make as many different pictures as one
likes. Nothing here loads torch: the processes that render import this module alone.
"""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import final

import cv2
import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from actors.micro.first_process import wait_for
from engine.compose.backdrops import BACKDROPS
from engine.rows.values import Pixels
from engine.seeds import derive
from engine.toybox import SCENES
from engine.toybox.concepts import ToyConcept, draw_concept
from engine.toybox.studio import ToyPlace, place, view

FOLDER = "composer"  # within the folder of the rendered sets
SIDE = 128  # px of a picture; a cell of its latents is 8 px wide
NO_SCENE = -1
VIEW_SIZE = 112  # px of the longer side of a cut-out: 0.875 of a picture's, and no toy is shown larger than 0.94
PLACE_SIZE = 148  # px of a backdrop, of which a picture is a window
SUN = 0.8  # how far to its side the light of every cut-out stands
_CHUNK = 64


@final
@dataclass(frozen=True)
class ToyStock:
    """Cut-outs and backdrops as memory maps, of one seed.

    Cut-outs 2c and 2c + 1 show concept c, lit from the right and from the left; backdrops take turns likewise.

    Attributes:
        views: u8 2Cx112x112x4, straight alpha, each in the upper left corner.
        extents: i16 2Cx2, rows and columns of each view.
        places: u8 Px148x148x3.
        seed: of the concepts.
    """

    views: NDArray[np.uint8]
    extents: NDArray[np.int16]
    places: NDArray[np.uint8]
    seed: int

    @property
    def concepts(self) -> int:
        """How many toys there are."""
        return len(self.extents) // 2

    def concept(self, number: int) -> ToyConcept:
        """Concept `number`; classes take turns."""
        return draw_concept(self.seed, number)

    def toy(self, concept: int, draw: np.random.Generator, side: int) -> Pixels:
        """A cut-out, HxWx4 u8, lit from `side` (-1 or 1), mirrored half of the time."""
        mirrored = bool(draw.random() < 0.5)
        number = 2 * concept + _lit_from(side, mirrored=mirrored)
        tall, wide = self.extents[number]
        pixels = self.views[number, :tall, :wide]
        return np.ascontiguousarray(pixels[:, ::-1] if mirrored else pixels)

    def backdrop(self, draw: np.random.Generator, side: int) -> tuple[int, ToyPlace]:
        """A window of 128 px on a random backdrop with light from `side` (-1 or 1), and its scene's number."""
        mirrored = bool(draw.random() < 0.5)
        number = 2 * int(draw.integers(len(self.places) // 2)) + _lit_from(side, mirrored=mirrored)
        scene = (number // 2) % len(SCENES)
        left, top = (int(value) for value in draw.integers(0, PLACE_SIZE - SIDE + 1, 2))
        pixels = self.places[number, top : top + SIDE, left : left + SIDE]
        name = SCENES[scene][0]
        line = (BACKDROPS[name].ground_line * PLACE_SIZE - top) / SIDE
        return scene, ToyPlace(name, np.ascontiguousarray(pixels[:, ::-1] if mirrored else pixels), SUN * side, line)


def _lit_from(side: int, *, mirrored: bool) -> int:
    """0 for what was lit from the right, 1 for the left: a mirror turns the light round."""
    return 0 if (side == 1) != mirrored else 1


def prepare_stock(data: Path, *, seed: int, concepts: int, places: int, processes: int, writes: bool = True) -> Path:
    """The folder of a stock, which is rendered where it is missing; its name says all that its content depends on.

    Args:
        data: folder of the rendered sets.
        seed: of toys, poses and backdrops.
        concepts: toys, two cut-outs of each.
        places: backdrops of each scene, an even number of them.
        processes: how many render at a time.
        writes: whether this process renders, or waits for the one that does.

    Raises:
        EnvironmentProblem: LATENTS_MISSING.
    """
    folder = data / FOLDER / f"{seed}-{concepts}-{places}"
    if writes and not _home(folder).is_dir():
        _render_stock(folder, seed, concepts, places, processes)
    wait_for(_home(folder))
    return folder


def open_stock(folder: Path) -> ToyStock:
    """The stock that `prepare_stock` left in `folder`."""
    home = _home(folder)
    arrays = {name: np.load(home / f"{name}.npy", mmap_mode="r") for name in ("views", "extents", "places")}
    return ToyStock(**arrays, seed=int(json.loads((home / "stock.json").read_text())["seed"]))


def _home(folder: Path) -> Path:
    return folder / "stock"


def _render_stock(folder: Path, seed: int, concepts: int, places: int, processes: int) -> None:
    work = folder / "_tmp-stock"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    views, backdrops = 2 * concepts, len(SCENES) * (places // 2 * 2)
    open_memmap(work / "views.npy", "w+", np.uint8, (views, VIEW_SIZE, VIEW_SIZE, 4)).flush()
    open_memmap(work / "extents.npy", "w+", np.int16, (views, 2)).flush()
    open_memmap(work / "places.npy", "w+", np.uint8, (backdrops, PLACE_SIZE, PLACE_SIZE, 3)).flush()
    for job, count in ((_render_places, backdrops), (_render_views, views)):
        chunks = [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
        if min(processes, len(chunks)) == 1:  # a process takes a second to start
            for chunk in chunks:
                job(work, seed, chunk)
            continue
        with ProcessPoolExecutor(processes, get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
            list(pool.map(partial(job, work, seed), chunks))
    (work / "stock.json").write_text(json.dumps({"seed": seed}))
    os.replace(work, _home(folder))  # noqa: PTH105 - one call, atomic on every platform


def _render_places(work: Path, seed: int, numbers: range) -> None:
    out = np.load(work / "places.npy", mmap_mode="r+")
    for number in numbers:
        name = SCENES[(number // 2) % len(SCENES)][0]
        side = 1 if number % 2 == 0 else -1
        out[number] = place(name, derive(seed, "composer", "place", number), PLACE_SIZE, side=side).pixels


def _render_views(work: Path, seed: int, numbers: range) -> None:
    out, extents = (np.load(work / name, mmap_mode="r+") for name in ("views.npy", "extents.npy"))
    for number in numbers:
        sun = SUN if number % 2 == 0 else -SUN
        toy = view(draw_concept(seed, number // 2), derive(seed, "composer", "view", number), VIEW_SIZE, sun=sun)
        toy = toy[:VIEW_SIZE, :VIEW_SIZE]
        extents[number] = toy.shape[:2]
        out[number, : toy.shape[0], : toy.shape[1]] = toy
