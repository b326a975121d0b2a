"""Photos whose subject was taken out: what may stand in its place, and how large it is there."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.geometry import Box
from engine.photos.backgrounds import Anchor, Background
from engine.photos.library import CutoutInfo
from planners.compose.casting import Casting, Concept
from planners.compose.sizes import real_size, size_of

SIMILAR_SIZE, SIMILAR_SHAPE = 1.7, 1.5
"""Up to these ratios of metres and of width to height a thing covers most of the hole that another left."""
SAME_CONCEPT = 0.5
_BACKGROUNDS, _CONCEPTS = 8, 32  # that a draw looks at


@dataclass(frozen=True, slots=True)
class AnchoredScene:
    """A background, and who stands where its subject stood."""

    background: Background
    concept: Concept
    cutout: CutoutInfo


@dataclass(frozen=True, slots=True)
class Footing:
    """Where the first of a cast stands: height of its feet, where its middle is, and its longest side, all 0..1."""

    base: float
    centre: float
    long_side: float


def fits(anchor: Anchor, cutout: CutoutInfo) -> bool:
    """Whether a cut-out covers most of the hole: whole, similar in size and shape, and not the one that was there."""
    if cutout.cut_borders or cutout.source_sha256 == anchor.source_sha256:
        return False
    box = Box(*anchor.box)
    shape = cutout.aspect / (box.width / box.height)
    if not 1 / SIMILAR_SHAPE <= shape <= SIMILAR_SHAPE:
        return False
    own, old = size_of(cutout), real_size(anchor.class_name)
    if own is None or old is None:
        return cutout.concept == anchor.concept
    return 1 / SIMILAR_SIZE <= own / old <= SIMILAR_SIZE


def footing_of(anchor: Anchor, cutout: CutoutInfo) -> Footing:
    """Where a cut-out stands that fits: on the same spot, larger or smaller by the root of the ratio of real sizes."""
    box = Box(*anchor.box)
    own, old = size_of(cutout), real_size(anchor.class_name)
    ratio = 1.0 if own is None or old is None else (own / old) ** 0.5
    return Footing(base=box.y1, centre=(box.x0 + box.x1) / 2, long_side=ratio * max(box.width, box.height))


def draw_stand_in(draw: np.random.Generator, index: Casting, backgrounds: Sequence[Background]) -> AnchoredScene | None:
    """A background and what stands in for its subject: half of the time the same concept, as another photo shows it.

    None where no background of the few that are drawn has an anchor which something of the library fits.
    """
    for pick in draw.choice(len(backgrounds), size=min(_BACKGROUNDS, len(backgrounds)), replace=False):
        background = backgrounds[int(pick)]
        if background.anchor is None:
            continue
        options = _options(draw, index, background.anchor)
        if options:
            concept, cutouts = options[int(draw.integers(len(options)))]
            return AnchoredScene(background, concept, cutouts[int(draw.integers(len(cutouts)))])
    return None


def _options(draw: np.random.Generator, index: Casting, anchor: Anchor) -> list[tuple[Concept, tuple[CutoutInfo, ...]]]:
    own = [concept for concept in index.concepts if concept.name == anchor.concept]
    metres = real_size(anchor.class_name)
    others: list[Concept] = []
    if metres is not None:
        near = range(
            bisect_left(index.metres, metres / SIMILAR_SIZE), bisect_right(index.metres, metres * SIMILAR_SIZE)
        )
        picks = draw.permutation(near)[:_CONCEPTS]
        others = [index.concepts[int(pick)] for pick in picks if index.concepts[int(pick)].name != anchor.concept]
    groups = (own, others) if draw.random() < SAME_CONCEPT else (others, own)
    for group in groups:
        found = [(concept, tuple(item for item in concept.whole if fits(anchor, item))) for concept in group]
        fitting = [(concept, cutouts) for concept, cutouts in found if cutouts]
        if fitting:
            return fitting
    return []
