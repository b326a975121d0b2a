"""Toybox pictures in bulk, rendered once and mapped into memory: what the micro family is trained and measured on.

A folder holds four sets: ``photos`` (one toy) and ``groups`` (2 to 4), and of each a ``_test`` set whose toys, poses
and backdrops were drawn from seeds of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from engine.errors import EnvironmentProblem
from engine.toybox import captions
from engine.toybox.classes import CLASSES
from engine.toybox.concepts import draw_concept
from engine.toybox.places import SCENES
from engine.toybox.render import Share, render_set

FACTS = "set.json"
TRAINING, TEST = "", "_test"
"""What the names of the sets end with."""
TEST_INSTANCES, TEST_VIEWS, TEST_GROUPS, VIEWS = 128, 6, 512, 5


@final
@dataclass(frozen=True, slots=False)
class ToySet:
    """N pictures of 256 x 256 px and their truth, read-only memory maps.

    images u8 Nx256x256x3; masks u8 Nx256x256, the toys' alpha; counts i8 N; boxes f32 Nx5x4, x0 y0 x1 y1 in 0..1, zero
    past the count; classes i16 Nx5 and instances i32 Nx5, -1 past the count; scenes i16 N. Numbers of classes and
    scenes index `CLASSES` and `SCENES`.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    counts: NDArray[np.int8]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int16]
    instances: NDArray[np.int32]
    scenes: NDArray[np.int16]
    seed: int

    def __len__(self) -> int:
        return len(self.counts)

    def caption(self, index: int, draw: np.random.Generator) -> str:
        """A caption of a random kind."""
        return captions.random_caption(self.class_names(index), self.descriptions(index), self.phrase(index), draw)

    def full_caption(self, index: int) -> str:
        """Every toy with colours and pattern, and the scene."""
        return captions.full_caption(self.descriptions(index), self.phrase(index))

    def class_names(self, index: int) -> list[str]:
        """The classes of the toys, far to near."""
        return [CLASSES[int(number)] for number in self.classes[index, : self.counts[index]]]

    def phrase(self, index: int) -> str:
        """The scene's phrase."""
        return SCENES[int(self.scenes[index])][1]

    @cached_property
    def _names(self) -> Mapping[int, str]:
        numbers = np.unique(self.instances[self.instances >= 0])
        return {int(number): draw_concept(self.seed, int(number)).description for number in numbers}

    def descriptions(self, index: int) -> list[str]:
        """The toys with their colours and patterns, without articles, far to near."""
        return [self._names[int(number)] for number in self.instances[index, : self.counts[index]]]


def open_set(folder: Path, name: str) -> ToySet:
    """One of the four sets.

    Raises:
        EnvironmentProblem: TOYSET_MISSING where it was not rendered to the end.
    """
    root = folder / name
    if not (root / FACTS).is_file():
        raise EnvironmentProblem(
            "TOYSET_MISSING",
            f"the Toybox set {name!r} is not there, or was not finished",
            where=str(folder),
            fix="mycanvas micro train renders it",
        )
    facts = json.loads((root / FACTS).read_text())
    arrays = {key: np.load(root / f"{key}.npy", mmap_mode="r") for key in Share.__annotations__}
    return ToySet(**arrays, seed=int(facts["seed"]))


def make_sets(
    folder: Path,
    *,
    seed: int,
    photos: int,
    groups: int,
    processes: int,
    tell: Callable[[str], None],
    kinds: Sequence[str] = (TRAINING, TEST),
) -> None:
    """Render the four sets; those that are complete and as large as asked are left alone.

    Args:
        folder: where to.
        seed: training and test sets get root seeds of their own from it.
        photos: training photos, `VIEWS` of each toy.
        groups: training groups.
        processes: how many render at a time.
        tell: says what is being done.
        kinds: `TRAINING`, `TEST` or both.
    """
    toys = max(photos // VIEWS, len(CLASSES))
    sizes = {TRAINING: (toys, VIEWS, groups), TEST: (min(TEST_INSTANCES, toys), TEST_VIEWS, min(TEST_GROUPS, groups))}
    for kind in kinds:
        instances, views, shots = sizes[kind]
        wanted = {"seed": 2 * seed + (kind == TEST), "instances": instances, "views": views, "groups": shots}
        done = [_facts(folder / f"{name}{kind}") for name in ("photos", "groups")]
        if done != [wanted, wanted]:
            tell(f"rendering {instances * views:,} photos and {shots:,} groups{' for tests' if kind == TEST else ''}")
            render_set(folder, kind, wanted, processes)
            for name in ("photos", "groups"):
                (folder / f"{name}{kind}" / FACTS).write_text(json.dumps(wanted))


def _facts(root: Path) -> object:
    path = root / FACTS
    return json.loads(path.read_text()) if path.is_file() else None
