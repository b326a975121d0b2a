"""How much each object of a composition still looks like its concept: Seg-DINO.

The object, cut out of the stored image by its visible alpha and put on grey, against the concept's reference cut-outs
on the same grey: cosine of DINOv2 embeddings, of which no background has a part. The best of the references counts,
since an object that is seen from one side need not look like every view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from actors.score_clip import crop, first_cutouts, on_grey
from engine.library import Library
from engine.records import Composition, Model, Pixels
from engine.similarity import Embeddings


class IdentityScorer(Protocol):
    """What an identity backend offers."""

    model: Model

    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """NxD, each row of length 1, of N HxWx3 images of any size."""


Likeness = tuple[float | None, ...]
"""Of one row, in the order of its placements."""

IdentityJudge = Callable[[Sequence[Composition], Sequence[Pixels]], list[Likeness]]


def without_identity(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[Likeness]:
    """No model, no number."""
    del stored
    return [(None,) * len(row.placements) for row in rows]


def identity_judge(scorer: IdentityScorer, library: Library, limit: int) -> IdentityJudge:
    """The likeness of every object of a batch; None where nothing of an object can be seen.

    The references of a concept, its first `limit` cut-outs by id, are embedded once.
    """
    chosen = first_cutouts(library, limit)

    @lru_cache(maxsize=4096)
    def references(concept: str) -> Embeddings:
        return scorer.embed_images([on_grey(library.pixels(cutout_id)) for cutout_id in chosen[concept]])

    def judge(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[Likeness]:
        seen: list[tuple[int, int]] = []
        pictures = []
        for number, (row, pixels) in enumerate(zip(rows, stored, strict=True)):
            for place, (placement, layer) in enumerate(zip(row.placements, row.layers, strict=True)):
                alpha = crop(layer, placement)
                if alpha.any():
                    seen.append((number, place))
                    pictures.append(on_grey(np.dstack((crop(pixels, placement), alpha))))
        found: list[list[float | None]] = [[None] * len(row.placements) for row in rows]
        for (number, place), own in zip(seen, scorer.embed_images(pictures), strict=True):
            known = references(library.cutouts[rows[number].placements[place].cutout_id].concept)
            found[number][place] = float((known.astype(np.float64) @ own.astype(np.float64)).max())
        return [tuple(likeness) for likeness in found]

    return judge
