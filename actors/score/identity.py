"""How much each object of a composition still looks like its concept: Seg-DINO.

The object, cut out of the stored image by its visible alpha and put on grey, against the concept's reference cut-outs
on the same grey: cosine of DINOv2 embeddings, of which no background has a part. The best of the references counts,
since an object that is seen from one side need not look like every view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from actors.score.clip import ImageScorer, crop, embedded_references, on_grey
from engine.metrics.similarity import Embeddings, best_cosine
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.rows.values import Pixels

Likeness = tuple[float | None, ...]
"""Of one row, in the order of its placements."""

IdentityJudge = Callable[[Sequence[Composition], Sequence[Pixels]], list[Likeness]]


def without_identity(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[Likeness]:
    """No model, no number."""
    del stored
    return [(None,) * len(row.placements) for row in rows]


def identity_judge(scorer: ImageScorer, library: Library, limit: int) -> IdentityJudge:
    """The likeness of every object of a batch; None where nothing of an object can be seen."""

    def alike(own: Embeddings, concepts: Sequence[str]) -> list[float]:
        return [best_cosine(one, references(concept)) for one, concept in zip(own, concepts, strict=True)]

    references = embedded_references(scorer, library, limit)
    return lambda rows, stored: of_objects(rows, stored, scorer, library, alike)


def of_objects(
    rows: Sequence[Composition],
    stored: Sequence[Pixels],
    scorer: ImageScorer,
    library: Library,
    measure: Callable[[Embeddings, Sequence[str]], Sequence[float]],
) -> list[Likeness]:
    """A number for every object, cut out of the stored picture by its visible alpha and put on grey.

    Args:
        rows: with layers.
        stored: HxWx3 each.
        scorer: embeds the objects.
        library: says of what concept each is.
        measure: of embeddings, NxD, and the concept of each.
    """
    seen: list[tuple[int, int]] = []
    pictures, concepts = [], []
    for number, (row, pixels) in enumerate(zip(rows, stored, strict=True)):
        for place, (placement, layer) in enumerate(zip(row.placements, row.layers, strict=True)):
            alpha = crop(layer, placement.box)
            if alpha.any():
                seen.append((number, place))
                pictures.append(on_grey(np.dstack((crop(pixels, placement.box), alpha))))
                concepts.append(library.cutouts[placement.cutout_id].concept)
    found: list[list[float | None]] = [[None] * len(row.placements) for row in rows]
    for (number, place), value in zip(seen, measure(scorer.embed_images(pictures), concepts), strict=True):
        found[number][place] = value
    return [tuple(likeness) for likeness in found]
