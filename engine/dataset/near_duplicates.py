"""Which vectors resemble an earlier one: near-duplicates by embedding, as in SemDeDup (Abbas et al., 2023).

Up to `EXACT` vectors every pair is compared. Beyond, FAISS looks in the lists that are nearest to a vector, in half
precision: of pairs near the limit a few may be missed, of those that are much nearer hardly any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT = 50_000  # 50,000 vectors of 384 numbers: 13 s on two cores
LISTS, PROBES = 1024, 16
_TRAINING = 40 * LISTS  # vectors; FAISS wants 39 a list
_BLOCK = 4096


def unlike(vectors: NDArray[np.float16], least: float) -> NDArray[np.bool_]:
    """Which of N x D vectors, the best first, have no earlier one with a cosine of `least` or more.

    Args:
        vectors: of any length but 0; a vector of zeros resembles nothing.
        least: -1..1.

    Returns:
        N flags.
    """
    least = min(least, 1 - 1e-6)  # of two equal vectors float32 may make 0.9999999
    kept = np.ones(len(vectors), bool)
    if not len(vectors):
        return kept
    index = _index(vectors)
    for start, block in _blocks(vectors):
        if index.ntotal:
            nearest, _ = index.search(block, 1)
            kept[start : start + len(block)] &= nearest[:, 0] < least
        inside = np.tril(block @ block.T >= least, -1)  # with an earlier one of the same block
        kept[start : start + len(block)] &= ~inside.any(axis=1)
        index.add(block)
    return kept


def _blocks(vectors: NDArray[np.float16]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for start in range(0, len(vectors), _BLOCK):
        yield start, _unit(vectors[start : start + _BLOCK])


def _unit(vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    whole = vectors.astype(np.float32)
    return np.asarray(whole / np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-12), np.float32)


def _index(vectors: NDArray[np.float16]) -> Any:
    import faiss

    width = vectors.shape[1]
    if len(vectors) <= EXACT:
        return faiss.IndexFlatIP(width)
    kind = faiss.ScalarQuantizer.QT_fp16
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(width), width, LISTS, kind, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = 5
    index.nprobe = PROBES
    index.train(_unit(vectors[:: max(1, len(vectors) // _TRAINING)]))
    return index
