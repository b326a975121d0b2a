"""The CLIP scores of a batch of compositions: picture and words, crops and concepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from actors.score.references import ImageScorer, References
from engine.compose.paste import box_window
from engine.metrics.similarity import Embeddings, cosine, cp_clip, cp_clip_assigned, similarities
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.rows.scores import ClipColumns
from engine.rows.values import Pixels


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
    """The CLIP scores of a batch; crops are compared with `limit` cut-outs of each concept, from photos not pasted."""
    references = References(scorer, library, limit)

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
            known = references_of(row, references, library) if row.placements else []
            table = similarities(own, known) if known and all(len(each) for each in known) else None
            scores.append(
                ClipScores(
                    clip_score=cosine(images[number], texts[2 * number]),
                    ti_clip=cosine(images[number], texts[2 * number + 1]) if row.background_prompt else None,
                    cp_clip=None if table is None else cp_clip(table, len(row.concepts)),
                    cp_clip_assigned=None if table is None else cp_clip_assigned(table, len(row.concepts)),
                    image=images[number],
                )
            )
        return scores

    return judge


def references_of(row: Composition, references: References, library: Library) -> list[Embeddings]:
    """What each concept of a row is compared with: photos other than the pasted one; all, where none was pasted."""
    if not row.placements:
        return [references.of_concept(concept) for concept in row.concepts]
    return [references.others(key) for key in placed_cutouts(row, library)]


def placed_cutouts(row: Composition, library: Library) -> list[str]:
    """The cut-out that shows each concept of a row, in the order of its concepts: the first placed, or else any."""
    shown = {library.cutouts[at.cutout_id].concept: at.cutout_id for at in reversed(row.placements)}
    return [shown.get(concept) or _any_of(concept, library) for concept in row.concepts]


def _any_of(concept: str, library: Library) -> str:
    return next(key for key, info in library.cutouts.items() if info.concept == concept)


def crop(pixels: Pixels, box: Sequence[float]) -> Pixels:
    """The part of an HxWxC picture, or HxW mask, in a box, xyxy in 0..1."""
    (rows, _), (_, columns) = (box_window(box, side) for side in pixels.shape[:2])
    return pixels[rows, columns]
