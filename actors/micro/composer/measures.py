"""Whether the family's scorer and detector find in pictures what these should show, through the production backends.

The same figures are taken of drawn pictures, which are to reach targets, and of true ones through an autoencoder, which
are what a generator on top of it can reach at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any, final

import numpy as np

from actors.backends.score.owlvit import OwlVit
from actors.micro.composer.pictures import compose, held_out
from actors.micro.composer.stock import NO_SCENE, SIDE, ToyStock
from actors.micro.diffusion.autoencoder import psnr, round_trip
from actors.micro.diffusion.generator import generate, recognise
from actors.training.loop import best_device
from engine.metrics.detection import SAME, Detections, overlaps
from engine.rows.values import Pixels
from engine.seeds import derive, rng
from engine.toybox import CLASSES, SCENES
from engine.toybox.captions import PHOTO, full_caption, with_article

MEASURED = 64  # pictures of each kind; a share of 0.6 is then known to 0.06 (one standard deviation)
KINDS = 0, 1, 2, 3  # toys in a scene; 0: one without a scene
CANDIDATES = 4  # boxes of each name that are tried, the surest


@final
@dataclass(frozen=True, slots=True)
class WantedPicture:
    """What a picture should show: classes in the order in which they are named, a scene or `NO_SCENE`; its seed."""

    classes: tuple[int, ...]
    scene: int
    seed: int = 0

    @property
    def names(self) -> list[str]:
        """The classes, as a detector is asked for them."""
        return [CLASSES[number] for number in self.classes]

    @property
    def prompt(self) -> str:
        """As in "a photo of a mug and a ball on the moon"."""
        if self.scene == NO_SCENE:
            return f"{PHOTO} {with_article(self.names[0])}"
        return full_caption(self.names, SCENES[self.scene][1])


def held_out_prompts(toys: int, count: int, seed: int) -> list[WantedPicture]:
    """What training never showed: pairs of classes, and one class in a scene; fewer are the first of more.

    Args:
        toys: in a scene, 1 or more, or 0 for one without a scene, of which nothing is held out.
        count: prompts.
        seed: of the choice, and of what is drawn.
    """
    known = _unseen(toys)
    order = rng(seed, "composer", f"prompts {toys}").permutation(len(known))
    wanted = []
    for number in range(count):
        draw = rng(seed, "composer", f"prompts {toys}/{number}")
        classes, scene = known[int(order[number % len(known)])]
        others = [int(other) for other in draw.permutation(len(CLASSES)) if other not in classes]
        classes = (*classes, *others[: max(toys - len(classes), 0)])
        scene = int(draw.integers(len(SCENES))) if toys > 1 else scene
        told = tuple(int(one) for one in draw.permutation(classes))
        wanted.append(WantedPicture(told, scene, derive(seed, "composer", toys, number)))
    return wanted


def _unseen(toys: int) -> list[tuple[tuple[int, ...], int]]:
    """Classes and scene of all that is held out of pictures of so many toys; for several, the scene is left open."""
    numbers = range(len(CLASSES))
    if toys == 0:
        return [((number,), NO_SCENE) for number in numbers]
    if toys == 1:
        return [((one,), scene) for one, scene in product(numbers, range(len(SCENES))) if held_out((one,), scene)]
    return [(pair, NO_SCENE) for pair in combinations(numbers, 2) if held_out(pair)]


def draw_figures(pipe: Any, family: Path, seed: int) -> dict[str, float]:
    """Figures of what a pipeline draws of held-out prompts at 128 px."""
    wanted = {toys: held_out_prompts(toys, MEASURED, seed) for toys in KINDS}
    drawn = {
        toys: generate(pipe, [one.prompt for one in rows], [one.seed for one in rows], SIDE)
        for toys, rows in wanted.items()
    }
    return find_wanted(family, wanted, drawn)


def true_figures(stock: ToyStock, vae: Any, family: Path, seed: int) -> dict[str, float]:
    """The same of a stock's own pictures through an autoencoder on the best device, and their mean PSNR in dB."""
    wanted, decoded, ratios = {}, {}, []
    for toys in KINDS:
        draws = (rng(seed, "composer", f"truth {toys}/{number}") for number in range(MEASURED))
        found = [compose(stock, draw, max(toys, 1), bare=toys == 0) for draw in draws]
        wanted[toys] = [
            WantedPicture(tuple(number % len(CLASSES) for number in one.concepts), one.scene) for one in found
        ]
        decoded[toys] = list(round_trip(vae, np.stack([one.image for one in found]), best_device()))
        ratios += [psnr(one.image, other) for one, other in zip(found, decoded[toys], strict=True)]
    return {"psnr": float(np.mean(ratios)), **find_wanted(family, wanted, decoded)}


def find_wanted(
    family: Path, wanted: dict[int, list[WantedPicture]], pictures: dict[int, list[Pixels]]
) -> dict[str, float]:
    """Shares of pictures in which scorer and detector find what was wanted, 0..1.

    Args:
        family: folder with `scorer` and `detector`.
        wanted: by the kinds of `KINDS`.
        pictures: the same, HxWx3 each.

    Returns:
        `class_alone`, `class_in_scene`: the scorer's nearest of all classes. `scene`: its nearest of all scenes, over
        the pictures with one. `two_classes`, `three_classes`: the detector finds every class at a box of its own.
        `two_other_classes_absent`: it does not find two that are not there.
    """
    shares = {
        name: _mean(_recognise_classes(family, wanted[toys], pictures[toys]))
        for name, toys in (("class_alone", 0), ("class_in_scene", 1))
    }
    placed = [toys for toys in KINDS if toys]
    scenes = recognise(
        family, [one for toys in placed for one in pictures[toys]], [f"a photo {phrase}" for _, phrase in SCENES]
    )
    shares["scene"] = _mean(scenes == [one.scene for toys in placed for one in wanted[toys]])
    detector = OwlVit(str(family / "detector"))
    for name, toys in (("two_classes", 2), ("three_classes", 3)):
        shares[name] = _mean(_find_all(detector, pictures[toys], [one.names for one in wanted[toys]]))
    others = [_other_names(one) for one in wanted[2]]
    shares["two_other_classes_absent"] = 1 - _mean(_find_all(detector, pictures[2], others))
    return shares


def _recognise_classes(family: Path, wanted: Sequence[WantedPicture], pictures: list[Pixels]) -> Iterable[bool]:
    near = recognise(family, pictures, [f"{PHOTO} {with_article(name)}" for name in CLASSES])
    return [int(found) == one.classes[0] for found, one in zip(near, wanted, strict=True)]


def _other_names(wanted: WantedPicture) -> list[str]:
    """As many names that the picture should not show, the same for the same picture."""
    draw = rng(wanted.seed, "composer", f"others {wanted.classes} {wanted.scene}")
    absent = [name for name in CLASSES if name not in wanted.names]
    return [str(name) for name in draw.permutation(absent)[: len(wanted.names)]]


def _find_all(detector: OwlVit, pictures: Sequence[Pixels], names: Sequence[Sequence[str]]) -> list[bool]:
    found = detector.detect(pictures, names)
    return [
        all_at_own_boxes(one, len(told), detector.threshold) for one, told in zip(found, names, strict=True)
    ]  # fmt: skip


def all_at_own_boxes(found: Detections, names: int, threshold: float) -> bool:
    """Whether there is a box for each of the labels 0 .. `names` - 1 that no other's overlaps by half or more.

    Args:
        found: the surest first; of each label the first four are tried.
        names: how many were asked for.
        threshold: score from which a box is believed.
    """
    boxes = [found.boxes[(found.labels == name) & (found.scores >= threshold)][:CANDIDATES] for name in range(names)]
    return any(
        all(overlaps(one[None], other[None]).item() < SAME for one, other in combinations(choice, 2))
        for choice in product(*boxes)
    )


def _mean(values: Any) -> float:
    return float(np.mean(np.asarray(values, np.float64)))
