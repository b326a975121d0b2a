"""How an identity scorer is measured: find the other photo of the same toy among 64, half of them of one class."""

from __future__ import annotations

import numpy as np

from actors.micro.views import on_color
from actors.score.references import ImageScorer
from engine.rows.values import Pixels
from engine.seeds import derive, rng
from engine.toybox import CLASSES
from engine.toybox.concepts import ToyConcept, draw_concept
from engine.toybox.studio import view

GALLERY = 64
ROUNDS = 3  # each with another class in the majority
FIRST_NUMBER = 1_000_000  # of the toys; the rendered sets hold lower ones
LEAST_SIDE, MOST_SIDE = 90, 230  # px
GREY = (128, 128, 128)


def same_instance_top1(scorer: ImageScorer, unseen: int, seed: int) -> float:
    """Share of toys whose second photo is the nearest to their first; each alone on grey, as in scores.

    Args:
        scorer: the model.
        unseen: seed of toys that training never saw.
        seed: of the choice of toys and poses.
    """
    found = []
    for number in range(ROUNDS):
        toys = _toys(unseen, seed, number)
        first, second = (
            scorer.embed_images([cut_out(toy, derive(seed, "identity", toy.name, side)) for toy in toys])
            for side in ("query", "gallery")
        )
        found.append((first @ second.T).argmax(1) == np.arange(len(toys)))
    return float(np.mean(found))


def _toys(unseen: int, seed: int, number: int) -> list[ToyConcept]:
    draw = rng(seed, "identity", f"toys {number}")
    most, *others = (str(name) for name in draw.permutation(list(CLASSES)))
    names = [most] * (GALLERY // 2) + [others[place % len(others)] for place in range(GALLERY - GALLERY // 2)]
    start = FIRST_NUMBER + derive(seed, "identity", number) % FIRST_NUMBER
    return [draw_concept(unseen, start + place, name) for place, name in enumerate(names)]


def cut_out(toy: ToyConcept, seed: int) -> Pixels:
    """A toy in a pose, a light and a size that the seed draws, alone on grey; HxWx3."""
    draw = rng(seed, "identity", "view")
    rgba = view(toy, seed, int(draw.integers(LEAST_SIDE, MOST_SIDE + 1)), sun=float(draw.uniform(-1, 1)))
    return on_color(rgba[..., :3], rgba[..., 3], GREY)
