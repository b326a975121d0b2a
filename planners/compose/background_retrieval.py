"""Which indexed backgrounds a phrase is painted on: those that fit it best and resemble each other least.

Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries",
SIGIR 1998, equation 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.photos.backgrounds import Background


def shortlist(
    relevance: NDArray[np.float32], embeddings: NDArray[np.float32], count: int, diversity: float
) -> list[int]:
    """Numbers of up to `count` backgrounds, the most relevant first.

    Args:
        relevance: N similarities to the phrase.
        embeddings: NxD, rows of length 1.
        count: how many at most.
        diversity: 0 asks for relevance alone, 1 for difference from those chosen before alone.
    """
    spread = float(np.ptp(relevance)) or 1.0
    fit = (relevance - relevance.min()) / spread  # similarities of words and pictures lie within a tenth of each other
    chosen: list[int] = []
    likeness = np.zeros(len(relevance), np.float32)
    for _ in range(min(count, len(relevance))):
        marginal = (1 - diversity) * fit - diversity * likeness
        marginal[chosen] = -np.inf
        chosen.append(int(marginal.argmax()))
        likeness = np.maximum(likeness, embeddings @ embeddings[chosen[-1]])
    return chosen


def retrieve(
    phrases: Sequence[str],
    words: NDArray[np.float32],
    backgrounds: Sequence[Background],
    embeddings: NDArray[np.float32],
    *,
    count: int,
    diversity: float,
) -> tuple[Background, ...]:
    """For each phrase its shortlist, as backgrounds that are called by the phrase.

    Args:
        phrases: P of them.
        words: PxD, what CLIP makes of each, rows of length 1.
        backgrounds: N of them.
        embeddings: NxD, rows of length 1.
        count: of each shortlist.
        diversity: as for `shortlist`.
    """
    return tuple(
        replace(backgrounds[number], phrase=phrase)
        for phrase, relevance in zip(phrases, words @ embeddings.T, strict=True)
        for number in shortlist(relevance, embeddings, count, diversity)
    )
