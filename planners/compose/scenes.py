"""Who appears together, and where: concepts that fit in size, one cut-out of each, and a background to stand before."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.photos.backgrounds import Background
from engine.photos.library import CutoutInfo
from engine.seeds import rng
from planners.compose.sizes import WIDEST_RANGE, size_of, words

FEWEST = 2
MOST_CUT = 2  # each goes to an edge of the canvas, and two edges are free: left and right, or the bottom
SLIVER = 0.1  # a cut-out thinner than 1 to 10 is a matting error, and no box of useful area holds it
PREFER_WHOLE = 0.9
REPEAT_CLASS = 0.1
_TRIES = 32
_TABLETOPS = frozenset(
    ["table", "tabletop", "desk", "shelf", "counter", "countertop", "workbench", "tray", "windowsill"]
)
_TABLETOP_METRES = 0.6
"""What is larger does not stand on a table."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing of the user's, with the cut-outs of it that can be placed."""

    name: str
    class_name: str
    metres: float | None
    whole: tuple[CutoutInfo, ...]
    cut: tuple[CutoutInfo, ...]


@dataclass(frozen=True, slots=True)
class Casting:
    """The library, prepared once: concepts by real size, those of unknown size last."""

    concepts: tuple[Concept, ...]
    metres: tuple[float, ...]
    """Real sizes of the first ``len(metres)`` concepts, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenePlan:
    """The scene columns of a row; `concepts[i]` is shown by cut-out `cast[i]`."""

    concepts: tuple[str, ...]
    cast: tuple[str, ...]
    scene: str
    background_prompt: str
    background_id: str
    ground_line: float


def prepare_casting(cutouts: Mapping[str, CutoutInfo]) -> Casting:
    """Prepare a library for `plan_scene`.

    Raises:
        UsageError: TOO_FEW_CONCEPTS when fewer than two concepts have a cut-out that can be placed.
    """
    concepts = _concepts(cutouts)
    if len(concepts) < FEWEST:
        raise _too_few(_by_name(cutouts), concepts)
    known = sorted((c for c in concepts if c.metres is not None), key=lambda c: c.metres or 0.0)
    unknown = [c for c in concepts if c.metres is None]
    return Casting(tuple(known + unknown), tuple(c.metres for c in known if c.metres is not None))


def ensembles(cutouts: Mapping[str, CutoutInfo], together: Sequence[Sequence[str]] = ()) -> tuple[Casting, ...]:
    """One casting for each ensemble folder of the published layout; one of all where photos lie in concept folders.

    Where groups of classes are given, each folder has a casting for each of them, and one for what no group names.
    What would hold a single usable concept is left out; where that leaves none, all concepts go together.

    Raises:
        UsageError: TOO_FEW_CONCEPTS.
    """
    group_of = {name: number for number, group in enumerate(together) for name in group}
    folders: dict[tuple[str, int], dict[str, CutoutInfo]] = {}
    for key, cutout in sorted(cutouts.items()):
        folders.setdefault((cutout.ensemble, group_of.get(cutout.class_name, -1)), {})[key] = cutout
    whole = [inside for _, inside in sorted(folders.items()) if len(_concepts(inside)) >= FEWEST]
    return tuple(prepare_casting(inside) for inside in whole) or (prepare_casting(cutouts),)


def one_of(castings: Sequence[Casting], seed: int) -> Casting:
    """The ensemble that a row is cast from."""
    return castings[int(rng(seed, "scene", "ensemble").integers(len(castings)))]


def usable(cutout: CutoutInfo) -> bool:
    """Whether a cut-out can stand somewhere: what its photo cut off, edges of the canvas must hide."""
    cut = set(cutout.cut_borders)
    return "top" not in cut and not {"left", "right"} <= cut and SLIVER <= cutout.aspect <= 1 / SLIVER


def plan_scene(
    seed: int, index: Casting, backgrounds: Sequence[Background], min_objects: int, max_objects: int
) -> ScenePlan:
    """Cast one sample. Pure: the same arguments give the same plan.

    Rules: real sizes within 1 to 12 (a concept that nothing fits goes with its nearest in size); one cut-out of a
    concept; two of a class only by a chance of 0.1 or for want of others; whole cut-outs nine times in ten where
    there are any, never more than two cut ones; nothing larger than 0.6 m on a table. `min_objects` and
    `max_objects` bow to what the library holds.
    """
    draw = rng(seed, "scene", "cast")
    fewest = min(max(min_objects, FEWEST), len(index.concepts))
    count = int(draw.integers(fewest, min(max(max_objects, fewest), len(index.concepts)) + 1))
    chosen: list[tuple[Concept, CutoutInfo]] = []
    while len(chosen) < count:
        following = _next(draw, index, chosen)
        if following is None:
            break
        chosen.append(following)
    largest = max((concept.metres or 0.0 for concept, _ in chosen), default=0.0)
    background = _background(rng(seed, "scene", "background"), backgrounds, largest)
    return ScenePlan(
        concepts=tuple(concept.name for concept, _ in chosen),
        cast=tuple(cutout.cutout_id for _, cutout in chosen),
        scene=background.scene,
        background_prompt=background.phrase,
        background_id=background.background_id,
        ground_line=background.ground_line,
    )


def _by_name(cutouts: Mapping[str, CutoutInfo]) -> dict[str, list[CutoutInfo]]:
    named: dict[str, list[CutoutInfo]] = {}
    for key in sorted(cutouts):
        named.setdefault(cutouts[key].concept, []).append(cutouts[key])
    return named


def _concepts(cutouts: Mapping[str, CutoutInfo]) -> list[Concept]:
    """The concepts of which something can be placed."""
    named = sorted(_by_name(cutouts).items())
    found = [_concept(name, [item for item in group if usable(item)]) for name, group in named]
    return [concept for concept in found if concept.whole or concept.cut]


def _concept(name: str, cutouts: Sequence[CutoutInfo]) -> Concept:
    class_name = cutouts[0].class_name if cutouts else ""
    return Concept(
        name,
        class_name,
        size_of(cutouts[0]) if cutouts else None,
        whole=tuple(item for item in cutouts if not item.cut_borders),
        cut=tuple(item for item in cutouts if item.cut_borders),
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


def _too_few(groups: Mapping[str, Sequence[CutoutInfo]], usable_ones: Sequence[Concept]) -> UsageError:
    there = ", ".join(f"{name!r} ({len(group)})" for name, group in sorted(groups.items())[:8]) or "none"
    return UsageError(
        "TOO_FEW_CONCEPTS",
        f"a scene needs 2 concepts, the library has {len(usable_ones)} that can be placed",
        why=f"concepts with cut-outs: {there}; a cut-out that its photo cuts at the top, at both sides or thin as a "
        "thread cannot stand anywhere",
        fix="add photos of another concept, one folder for each, in which the whole of it is seen",
    )
