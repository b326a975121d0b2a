"""How much each object of a composition still looks like its concept, and how much it only repeats what was pasted.

Seg-DINO: the object, cut out of the stored image by its visible alpha and put on grey, against cut-outs of its concept
on the same grey: cosine of DINOv2 embeddings, of which no background has a part. Only photos other than the pasted one
count, and of these the best, since an object that is seen from one side need not look like every view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from actors.score.clip import crop
from actors.score.references import ImageScorer, References, on_grey
from engine.metrics.similarity import Embeddings, best_cosine, cosine
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.rows.values import Pixels

T = TypeVar("T")
Likeness = tuple[float | None, ...]
"""Of one row, in the order of its placements."""


@dataclass(frozen=True, slots=True)
class Likenesses:
    """Of one row's objects, in the order of its placements.

    Attributes:
        identity: cosine with the most similar cut-out from another photo.
        copy_paste: by how much the cosine with the very cut-out that was placed is larger.
    """

    identity: Likeness
    copy_paste: Likeness


IdentityJudge = Callable[[Sequence[Composition], Sequence[Pixels]], list[Likenesses]]


def without_identity(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[Likenesses]:
    """No model, no number."""
    del stored
    nothing = [(None,) * len(row.placements) for row in rows]
    return [Likenesses(each, each) for each in nothing]


def identity_judge(scorer: ImageScorer, library: Library, limit: int) -> IdentityJudge:
    """The likeness of every object of a batch; None where nothing of it can be seen, or its concept has one photo."""
    references = References(scorer, library, limit)

    def compare(own: Embeddings, cutout_ids: Sequence[str]) -> list[tuple[float, float] | None]:
        return [_compare(one, references, key) for one, key in zip(own, cutout_ids, strict=True)]

    def judge(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[Likenesses]:
        found = of_objects(rows, stored, scorer, compare)
        return [Likenesses(*(tuple(pair and pair[part] for pair in pairs) for part in (0, 1))) for pairs in found]

    return judge


def _compare(one: NDArray[np.float32], references: References, cutout_id: str) -> tuple[float, float] | None:
    others = references.others(cutout_id)
    if not len(others):
        return None
    likeness = best_cosine(one, others)
    return likeness, cosine(one, references.vector_of(cutout_id)) - likeness


def of_objects(
    rows: Sequence[Composition],
    stored: Sequence[Pixels],
    scorer: ImageScorer,
    measure: Callable[[Embeddings, Sequence[str]], Sequence[T | None]],
) -> list[tuple[T | None, ...]]:
    """What is measured of every object, cut out of the stored picture by its visible alpha and put on grey.

    Args:
        rows: with layers.
        stored: HxWx3 each.
        scorer: embeds the objects.
        measure: of embeddings, NxD, and the id of the cut-out that each shows.
    """
    seen: list[tuple[int, int]] = []
    pictures, cutout_ids = [], []
    for number, (row, pixels) in enumerate(zip(rows, stored, strict=True)):
        for place, (placement, layer) in enumerate(zip(row.placements, row.layers, strict=True)):
            alpha = crop(layer, placement.box)
            if alpha.any():
                seen.append((number, place))
                pictures.append(on_grey(np.dstack((crop(pixels, placement.box), alpha))))
                cutout_ids.append(placement.cutout_id)
    found: list[list[T | None]] = [[None] * len(row.placements) for row in rows]
    for (number, place), value in zip(seen, measure(scorer.embed_images(pictures), cutout_ids), strict=True):
        found[number][place] = value
    return [tuple(likeness) for likeness in found]
