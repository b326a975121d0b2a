"""Who is who among the things that a detector found in a picture of several concepts. Plain arithmetic, no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IMPOSSIBLE = -10.0  # below any cosine: a box of another class is taken for nothing


@dataclass(frozen=True, slots=True)
class Subjects:
    """Crops of believed boxes, and the concepts that were asked for.

    Attributes:
        likeness: N crops x M concepts, mean cosine with photos of each, -1 to 1.
        labels: of the crops, N: the class that the detector saw.
        wanted: of the concepts, M: the class of each, in the same numbers.
    """

    likeness: NDArray[np.float64]
    labels: Sequence[int]
    wanted: Sequence[int]


def assign(subjects: Subjects) -> list[int | None]:
    """For each concept the crop that is taken for it: each crop once, of the concept's class, the likeliest whole."""
    from scipy.optimize import linear_sum_assignment  # 0.9 s, which every command would pay

    found: list[int | None] = [None] * len(subjects.wanted)
    if not len(subjects.labels):
        return found
    same = np.asarray(subjects.labels)[:, None] == np.asarray(subjects.wanted)[None, :]
    worth = np.where(same, subjects.likeness, IMPOSSIBLE)
    for crop, concept in zip(*linear_sum_assignment(worth, maximize=True), strict=True):
        if same[crop, concept]:
            found[concept] = int(crop)
    return found


def find_collapsed(subjects: Subjects, taken: Sequence[int | None], least: Sequence[float]) -> list[bool]:
    """Whether each concept is missing, or less like itself than `least`, which photos of it are."""
    return [
        crop is None or bool(subjects.likeness[crop, concept] < least[concept]) for concept, crop in enumerate(taken)
    ]


def swap_share(subjects: Subjects, taken: Sequence[int | None]) -> float | None:
    """Share of the crops that are more like another concept of the picture than like the one that they stand for.

    None of a picture with one concept, or without a crop.
    """
    pairs = [(crop, concept) for concept, crop in enumerate(taken) if crop is not None]
    if len(subjects.wanted) < 2 or not pairs:
        return None
    return float(np.mean([int(subjects.likeness[crop].argmax()) != concept for crop, concept in pairs]))


def is_count_right(subjects: Subjects) -> bool:
    """Whether there are as many things of each class as were asked for, and no more."""
    return Counter(subjects.labels) == Counter(subjects.wanted)


def least_likeness(photos: NDArray[np.float32], quantile: float) -> float | None:
    """What a photo of a thing has in common with its other photos, but for the worst `quantile` of them.

    Args:
        photos: N x D, rows of length 1.
        quantile: 0..1.

    Returns:
        That quantile of the mean cosines of each photo with the others; None of fewer than three photos.
    """
    if len(photos) < 3:
        return None
    table = photos.astype(np.float64) @ photos.astype(np.float64).T
    others = (table.sum(axis=1) - np.diag(table)) / (len(photos) - 1)
    return float(np.quantile(others, quantile))
