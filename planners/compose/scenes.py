"""Who appears together, and where: concepts that fit in size, one cut-out of each, and a background to stand before."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.photos.backgrounds import Background
from engine.photos.library import CutoutInfo
from engine.seeds import rng
from planners.compose.anchors import draw_stand_in
from planners.compose.casting import FEWEST, Casting, Concept
from planners.compose.sizes import WIDEST_RANGE, words

MOST_CUT = 2  # each goes to an edge of the canvas, and two edges are free: left and right, or the bottom
PREFER_WHOLE = 0.9
REPEAT_CLASS = 0.1
_TRIES = 32
_TABLETOPS = frozenset(
    ["table", "tabletop", "desk", "shelf", "counter", "countertop", "workbench", "tray", "windowsill"]
)
_TABLETOP_METRES = 0.6
"""What is larger does not stand on a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenePlan:
    """The scene columns of a row; `concepts[i]` is shown by cut-out `cast[i]`."""

    concepts: tuple[str, ...]
    cast: tuple[str, ...]
    scene: str
    background_prompt: str
    background_id: str
    ground_line: float


def plan_scene(
    seed: int, index: Casting, backgrounds: Sequence[Background], min_objects: int, max_objects: int
) -> ScenePlan:
    """Cast one sample. Pure: the same arguments give the same plan.

    Rules: real sizes within 1 to 12 (a concept that nothing fits goes with its nearest in size); one cut-out of a
    concept; two of a class only by a chance of 0.1 or for want of others; whole cut-outs nine times in ten where
    there are any, never more than two cut ones; nothing larger than 0.6 m on a table. `min_objects` and
    `max_objects` bow to what the library holds.
    Before a background with an anchor the first of the cast is one that can stand there.
    """
    draw = rng(seed, "scene", "cast")
    fewest = min(max(min_objects, FEWEST), len(index.concepts))
    count = int(draw.integers(fewest, min(max(max_objects, fewest), len(index.concepts)) + 1))
    anchored = draw_stand_in(rng(seed, "scene", "anchor"), index, backgrounds)
    chosen: list[tuple[Concept, CutoutInfo]] = [(anchored.concept, anchored.cutout)] if anchored else []
    while len(chosen) < count:
        following = _next(draw, index, chosen)
        if following is None:
            break
        chosen.append(following)
    largest = max((concept.metres or 0.0 for concept, _ in chosen), default=0.0)
    drawn = rng(seed, "scene", "background")
    background = anchored.background if anchored else _background(drawn, backgrounds, largest)
    return ScenePlan(
        concepts=tuple(concept.name for concept, _ in chosen),
        cast=tuple(cutout.cutout_id for _, cutout in chosen),
        scene=background.scene,
        background_prompt=background.phrase,
        background_id=background.background_id,
        ground_line=background.ground_line,
    )


def _next(
    draw: np.random.Generator, index: Casting, chosen: Sequence[tuple[Concept, CutoutInfo]]
) -> tuple[Concept, CutoutInfo] | None:
    """One more concept that fits those chosen, preferably of a new class; None when nothing fits."""
    pool = _partners(index, [concept for concept, _ in chosen])
    picks = draw.choice(pool, size=min(_TRIES, len(pool)), replace=False)
    names = {concept.name for concept, _ in chosen}
    classes = {concept.class_name for concept, _ in chosen}
    cut_taken = sum(bool(cutout.cut_borders) for _, cutout in chosen)
    repeat = draw.random() < REPEAT_CLASS
    fitting = [
        concept
        for concept in (index.concepts[int(pick)] for pick in picks)
        if concept.name not in names and (concept.whole or cut_taken < MOST_CUT)
    ]
    if not fitting:
        return None
    concept = next((c for c in fitting if repeat or c.class_name not in classes), fitting[0])
    return concept, _cutout(draw, concept, cut_taken)


def _partners(index: Casting, chosen: Sequence[Concept]) -> NDArray[np.int64]:
    """Positions of the concepts that can join: within 1 to 12 of all chosen, or of unknown size."""
    metres = [concept.metres for concept in chosen if concept.metres is not None]
    known, everything = len(index.metres), len(index.concepts)
    low, high = 0, known
    if metres:
        low = bisect_left(index.metres, max(metres) / WIDEST_RANGE)
        high = max(bisect_right(index.metres, min(metres) * WIDEST_RANGE), low)
    if len(chosen) == 1 and high - low == 1 and known == everything:  # nothing fits it: take its neighbours in size
        low, high = max(low - 1, 0), min(high + 1, known)
    return np.concatenate([np.arange(low, high), np.arange(known, everything)])


def _cutout(draw: np.random.Generator, concept: Concept, cut_taken: int) -> CutoutInfo:
    may_be_cut = bool(concept.cut) and cut_taken < MOST_CUT
    whole = bool(concept.whole) and not (may_be_cut and draw.random() >= PREFER_WHOLE)
    options = concept.whole if whole else concept.cut
    return options[int(draw.integers(len(options)))]


def _background(draw: np.random.Generator, backgrounds: Sequence[Background], largest: float) -> Background:
    """A background at random; one too small for the largest object only when eight draws find no other."""
    picks = draw.choice(len(backgrounds), size=min(8, len(backgrounds)), replace=False)
    options = [backgrounds[int(pick)] for pick in picks]
    return next((item for item in options if largest <= _room(f"{item.scene} {item.phrase}")), options[0])


@lru_cache(maxsize=4096)
def _room(text: str) -> float:
    return _TABLETOP_METRES if _TABLETOPS & set(words(text)) else float("inf")
