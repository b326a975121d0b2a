"""Which vectors resemble an earlier one: near-duplicates by embedding, as in SemDeDup (Abbas et al., 2023).

Up to `EXACT` vectors every pair is compared. Beyond, FAISS looks in the lists that are nearest to a vector, in half
precision: of pairs near the limit a few may be missed, of those that are much nearer hardly any.

Pairs are found in float32 and those near the limit decided in float64. The cosine of two vectors of 384 numbers is off
by up to 2e-5 in float32, by how much depends on the processor and its threads; in float64 by up to 9e-14. So the same
rows are kept on every machine, equal vectors are alike on all, and the limit that was asked for is the one that holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT = 50_000  # 50,000 vectors of 384 numbers: 13 s on two cores
LISTS, PROBES = 1024, 16
_CANDIDATES = 4  # half precision changes the order of neighbours that are nearly as near as each other
_BLOCK = 4096
_CODE_ERROR = 2.0**-10  # of a cosine with a vector in half precision: 2^-11, and that of float32


def unlike(vectors: NDArray[np.float16], least: float, *, exact: int = EXACT, lists: int = LISTS) -> NDArray[np.bool_]:
    """Which of N x D vectors, the best first, have no earlier one with a cosine of `least` or more.

    Args:
        vectors: of any length but 0; a vector of zeros resembles nothing.
        least: -1..1.
        exact: of up to so many vectors every pair is compared.
        lists: into how many FAISS sorts more than that.

    Returns:
        N flags.
    """
    kept = np.ones(len(vectors), bool)
    index = _index(vectors, lists) if len(vectors) > exact else None
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        alike = _alike(block, block, least, itself=True)
        if index is None:
            for before in range(0, start, _BLOCK):
                alike |= _alike(block, vectors[before : before + _BLOCK], least)
        else:
            alike |= _alike_nearest(index, block, vectors, least)
            index.add(_unit(block).astype(np.float32))
        kept[start : start + len(block)] = ~alike
    return kept


def _alike(
    block: NDArray[np.float16], others: NDArray[np.float16], least: float, *, itself: bool = False
) -> NDArray[np.bool_]:
    """Which vectors of a block resemble one of the others; of the block `itself`, an earlier one.

    A sum of D products in float32 is off by D 2^-24 at most, in any order, and rounded factors add 2 to D (Higham,
    Accuracy and Stability of Numerical Algorithms, 2002, section 3.1); 8 covers terms of second order up to D = 9,000.
    """
    error = (block.shape[1] + 8) * 2.0**-24
    cosine = _unit(block).astype(np.float32) @ _unit(others).astype(np.float32).T
    if itself:
        cosine[~np.tri(len(block), k=-1, dtype=bool)] = -2
    nearest = cosine.max(axis=1)
    alike: NDArray[np.bool_] = nearest >= least + error
    rows = np.flatnonzero((nearest >= least - error) & ~alike)
    if len(rows):
        near = cosine[rows] >= least - error
        columns = np.flatnonzero(near.any(axis=0))
        decided = _unit(block[rows]) @ _unit(others[columns]).T >= _limit(least, block)
        alike[rows] = (decided & near[:, columns]).any(axis=1)
    return alike


def _alike_nearest(
    index: Any, block: NDArray[np.float16], vectors: NDArray[np.float16], least: float
) -> NDArray[np.bool_]:
    """Which vectors of a block resemble one of their nearest in the index, as far as FAISS finds them."""
    alike = np.zeros(len(block), bool)
    cosines, numbers = index.search(_unit(block).astype(np.float32), _CANDIDATES)
    for cosine, number in zip(cosines.T, numbers.T, strict=True):
        rows = np.flatnonzero((cosine >= least - _CODE_ERROR) & (number >= 0) & ~alike)
        decided = np.einsum("ij,ij->i", _unit(block[rows]), _unit(vectors[number[rows]]))
        alike[rows] = decided >= _limit(least, block)
    return alike


def _limit(least: float, vectors: NDArray[np.float16]) -> float:
    """What a cosine in float64 has to reach: lengths and products of D numbers are off by 2 D 2^-53 at most."""
    return float(least - (vectors.shape[1] + 2) * 2.0**-52)


def _unit(vectors: NDArray[np.float16]) -> NDArray[np.float64]:
    whole = vectors.astype(np.float64)
    return np.asarray(whole / np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-12), np.float64)


def _index(vectors: NDArray[np.float16], lists: int) -> Any:
    import faiss

    width, half = vectors.shape[1], faiss.ScalarQuantizer.QT_fp16
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(width), width, lists, half, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = 5
    index.nprobe = PROBES
    few = vectors[:: max(1, len(vectors) // (40 * lists))]  # FAISS wants 39 a list
    index.train(_unit(few).astype(np.float32))
    return index
