"""What crops are compared with: cut-outs of a concept from photos other than the one that was pasted.

An object resembles the very cut-out that was pasted whatever became of it; only other photos say whether it is still
the same thing. How much more it resembles the one that was pasted is a score of its own: copy-paste.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from engine.compose.paste import over
from engine.metrics.similarity import Embeddings
from engine.photos.library import Library
from engine.rows.values import Model, Pixels

GREY = 128  # cut-outs are seen on middle grey: no background to match
KEPT = 8192  # embeddings that a worker keeps: 12 MB of 384 numbers


class ImageScorer(Protocol):
    """What every backend that embeds pictures offers."""

    model: Model

    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """NxD, each row of length 1, of N HxWx3 images of any size."""


@final
class References:
    """The embeddings of a library's cut-outs, each made once.

    Args:
        scorer: embeds them.
        library: has them.
        limit: photos of a concept that are compared with, the first by id.
    """

    def __init__(self, scorer: ImageScorer, library: Library, limit: int) -> None:
        self._library, self._limit = library, limit
        self._by_concept: dict[str, list[str]] = {}
        for cutout_id, info in sorted(library.cutouts.items()):
            self._by_concept.setdefault(info.concept, []).append(cutout_id)
        self._embed = lru_cache(maxsize=KEPT)(
            lambda cutout_id: scorer.embed_images([on_grey(library.pixels(cutout_id))])[0]
        )

    def others(self, cutout_id: str) -> Embeddings:
        """NxD, of the first `limit` cut-outs of the same concept from other photos; N is 0 where there is one photo."""
        own = self._library.cutouts[cutout_id]
        ids = [
            other
            for other in self._by_concept[own.concept]
            if other != cutout_id and self._library.cutouts[other].source_sha256 != own.source_sha256
        ]
        vectors = [self._embed(other) for other in ids[: self._limit]]
        return np.stack(vectors) if vectors else np.zeros((0, 0), np.float32)

    def of_concept(self, concept: str) -> Embeddings:
        """NxD, of the first `limit` cut-outs of a concept: what a picture is held against in which none was placed."""
        vectors = [self._embed(key) for key in self._by_concept.get(concept, ())[: self._limit]]
        return np.stack(vectors) if vectors else np.zeros((0, 0), np.float32)

    def vector_of(self, cutout_id: str) -> NDArray[np.float32]:
        """D, of the very cut-out."""
        vector: NDArray[np.float32] = self._embed(cutout_id)
        return vector


def on_grey(cutout: Pixels) -> Pixels:
    """An HxWx4 cut-out over middle grey, HxWx3."""
    return over(cutout, np.full((*cutout.shape[:2], 3), GREY, np.uint8))
