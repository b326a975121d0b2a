"""The CLIP scores of a batch of compositions: picture and words, crops and concepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.compose.paste import box_window, over
from engine.metrics.similarity import Embeddings, cosine, cp_clip, cp_clip_assigned, similarities
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.rows.scores import ClipColumns
from engine.rows.values import Model, Pixels

GREY = 128  # reference cut-outs are seen on middle grey: no background to match


class ImageScorer(Protocol):
    """What every backend that embeds pictures offers."""

    model: Model

    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """NxD, each row of length 1, of N HxWx3 images of any size."""


class ClipScorer(ImageScorer, Protocol):
    """What a CLIP backend offers."""

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """NxD, each row of length 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScores(ClipColumns):
    """The CLIP columns of a row, and the embedding of its picture; None where no model is configured."""

    image: NDArray[np.float32] | None = field(default=None, compare=False)


ClipJudge = Callable[[Sequence[Composition], Sequence[Pixels]], list[ClipScores]]


def without_clip(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[ClipScores]:
    """No model, no number."""
    del stored
    return [ClipScores() for _ in rows]


def clip_judge(scorer: ClipScorer, library: Library, limit: int) -> ClipJudge:
    """The CLIP scores of a batch; crops are compared with the first `limit` cut-outs of each concept."""
    references = embedded_references(scorer, library, limit)

    def judge(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[ClipScores]:
        images = scorer.embed_images(stored)
        texts = scorer.embed_texts([text for row in rows for text in (row.caption, row.background_prompt)])
        crops = scorer.embed_images(
            [crop(pixels, at.box) for row, pixels in zip(rows, stored, strict=True) for at in row.placements]
        )
        scores, first = [], 0
        for number, row in enumerate(rows):
            own = crops[first : first + len(row.placements)]
            first += len(row.placements)
            table = similarities(own, [references(concept) for concept in row.concepts])
            scores.append(
                ClipScores(
                    clip_score=cosine(images[number], texts[2 * number]),
                    ti_clip=cosine(images[number], texts[2 * number + 1]) if row.background_prompt else None,
                    cp_clip=cp_clip(table, len(row.concepts)),
                    cp_clip_assigned=cp_clip_assigned(table, len(row.concepts)),
                    image=images[number],
                )
            )
        return scores

    return judge


def embedded_references(scorer: ImageScorer, library: Library, limit: int) -> Callable[[str], Embeddings]:
    """The embeddings of a concept's first `limit` cut-outs by id, each on grey; every concept is embedded once."""
    chosen = first_cutouts(library, limit)

    @lru_cache(maxsize=4096)
    def references(concept: str) -> Embeddings:
        return scorer.embed_images([on_grey(library.pixels(cutout_id)) for cutout_id in chosen[concept]])

    return references


def first_cutouts(library: Library, limit: int) -> dict[str, list[str]]:
    """The first `limit` cut-outs of each concept by id: what its crops are compared with."""
    by_concept: dict[str, list[str]] = {}
    for cutout_id, info in library.cutouts.items():
        by_concept.setdefault(info.concept, []).append(cutout_id)
    return {concept: sorted(known)[:limit] for concept, known in by_concept.items()}


def crop(pixels: Pixels, box: Sequence[float]) -> Pixels:
    """The part of an SxSxC picture, or SxS mask, in a box, xyxy in 0..1."""
    rows, columns = box_window(box, pixels.shape[0])
    return pixels[rows, columns]


def on_grey(cutout: Pixels) -> Pixels:
    """An HxWx4 cut-out over middle grey, HxWx3."""
    return over(cutout, np.full((*cutout.shape[:2], 3), GREY, np.uint8))
