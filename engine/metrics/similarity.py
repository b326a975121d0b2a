"""Metrics of papers over embeddings that are already there.

CP-CLIP and TI-CLIP of Gen4Gen (arXiv 2402.15504, section 3.5), CLIP-I and DINO of DreamBooth (arXiv 2208.12242, section
4.1), CLIPScore (arXiv 2104.08718, section 3). Embeddings are L2-normalised
rows, so a cosine is a dot product. Only `clipscore` rescales it, and says so by its name.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]
"""N x D, each row of length 1."""


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Raw cosine of two embeddings of length 1."""
    return float(np.dot(a.astype(np.float64), b.astype(np.float64)))


def mean_cosine(one: NDArray[np.float32], references: Embeddings) -> float:
    """CLIP-I or DINO of a picture: the mean of its raw cosines with every picture of the real subject."""
    return float((references.astype(np.float64) @ one.astype(np.float64)).mean())


def best_cosine(one: NDArray[np.float32], references: Embeddings) -> float:
    """Raw cosine with the most similar reference: an object seen from one side need not look like every view."""
    return float((references.astype(np.float64) @ one.astype(np.float64)).max())


def clipscore(raw: float) -> float:
    """CLIPScore, 0..2.5, of the raw cosine of picture and caption: 2.5 max(cos, 0)."""
    return 2.5 * max(raw, 0.0)


def similarities(crops: Embeddings, references: Sequence[Embeddings]) -> NDArray[np.float64]:
    """Equation 2: S_ij = mean over the references x of concept j of <f(crop_i), f(x)>, N x M."""
    columns = [crops.astype(np.float64) @ known.astype(np.float64).mean(axis=0) for known in references]
    return np.stack(columns, axis=1) if columns else np.zeros((len(crops), 0))


def cp_clip(scores: NDArray[np.float64], wanted: int) -> float:
    """Equations 3 and 4: S_i = max_j S_ij, summed over the detections i and divided by |O|. A missing object adds 0.

    Args:
        scores: S_ij, detections x concepts.
        wanted: |O|, at least 1.
    """
    return float(scores.max(axis=1).sum() / wanted) if scores.size else 0.0


def cp_clip_assigned(scores: NDArray[np.float64], wanted: int) -> float:
    """As `cp_clip`, but every detection gets a concept of its own: max over assignments s of sum_i S_i,s(i) / |O|.

    A swap that equation 3 cannot see (the cat's crop looks like the dog) costs here. Of more detections than concepts
    the best matching ones count.
    """
    if not scores.size:
        return 0.0
    from scipy.optimize import linear_sum_assignment  # 0.9 s, which every command and worker would pay

    return float(scores[linear_sum_assignment(scores, maximize=True)].sum() / wanted)
