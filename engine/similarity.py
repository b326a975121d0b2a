"""CP-CLIP and TI-CLIP of Gen4Gen (arXiv 2402.15504, section 3.5) over embeddings that are already there.

Embeddings are L2-normalised rows, so a cosine is a dot product. Nothing is rescaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]
"""N x D, each row of length 1."""


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Raw cosine of two embeddings of length 1."""
    return float(np.dot(a.astype(np.float64), b.astype(np.float64)))


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

    A swap that equation 3 cannot see (the cat's crop looks like the dog) costs here. Every assignment is tried: five
    objects have 120.
    """
    if not scores.size:
        return 0.0
    table = scores if scores.shape[0] <= scores.shape[1] else scores.T
    rows = np.arange(table.shape[0])
    best = max(float(table[rows, list(order)].sum()) for order in permutations(range(table.shape[1]), len(rows)))
    return best / wanted
