"""Boxes that a detector proposes, and how they are held against boxes that are known. Plain arithmetic, no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.rows.values import Pixels

Boxes = NDArray[np.float32]
"""N x 4, xyxy in 0..1."""

SAME = 0.5  # intersection over union from which two boxes show the same thing (Pascal VOC)
SEEN_ALPHA = 128  # of 255: fainter alpha does not widen a visible box


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector found in one picture, the surest first.

    `boxes` N x 4 float32, xyxy in 0..1; `scores` N float32, 0..1; `labels` N int64, indexes into the queries.
    """

    boxes: Boxes
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]


def overlaps(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Intersection over union of every box of `a` (N x 4) with every one of `b` (M x 4): N x M, 0..1."""
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(bottom_right - top_left, 0.0, None).prod(axis=2)
    union = _areas(a)[:, None] + _areas(b)[None, :] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


def suppress(found: Detections, limit: float) -> Detections:
    """Non-maximum suppression within each label: of boxes that overlap by more than `limit`, the surest stays."""
    order = np.argsort(-found.scores, kind="stable")
    kept: list[int] = []
    for index in order:
        rivals = [other for other in kept if found.labels[other] == found.labels[index]]
        if not rivals or overlaps(found.boxes[index : index + 1], found.boxes[rivals]).max() <= limit:
            kept.append(int(index))
    return Detections(found.boxes[kept], found.scores[kept], found.labels[kept])


def visible_box(layer: Pixels) -> tuple[float, float, float, float] | None:
    """The box around alpha >= 128 of an H x W layer, xyxy in 0..1; None where nothing can be seen."""
    seen = layer >= SEEN_ALPHA
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not rows.size:
        return None
    height, width = layer.shape
    return (
        float(columns[0]) / width,
        float(rows[0]) / height,
        float(columns[-1] + 1) / width,
        float(rows[-1] + 1) / height,
    )


def best_scores(
    found: Detections, boxes: Sequence[tuple[float, float, float, float] | None], labels: Sequence[int]
) -> list[float]:
    """For each known object the best score of a box of its label that overlaps it by half or more; 0 without one."""
    scores = []
    for box, label in zip(boxes, labels, strict=True):
        hits = _hits(found, box, label)
        scores.append(float(found.scores[hits].max()) if hits.any() else 0.0)
    return scores


def surplus(
    found: Detections,
    boxes: Sequence[tuple[float, float, float, float] | None],
    labels: Sequence[int],
    threshold: float,
) -> int:
    """How many boxes with `threshold` or more show no known object of their label."""
    return int((found.scores[~_matches_truth(found, boxes, labels)] >= threshold).sum())


def surest_surplus(
    found: Detections, boxes: Sequence[tuple[float, float, float, float] | None], labels: Sequence[int]
) -> float:
    """The score of the surest box that shows no known object of its label, 0..1; 0 without one."""
    return float(found.scores[~_matches_truth(found, boxes, labels)].max(initial=0.0))


def top_boxes(found: Detections, labels: Sequence[int], threshold: float) -> list[int]:
    """B_pred of Gen4Gen's equation 1: of each wanted object the surest box with `threshold` or more.

    Objects that share a label, which the paper does not speak of, share its surest boxes: as many as there are of them.

    Args:
        found: the surest first.
        labels: of the wanted objects, one each.
        threshold: score from which a box is believed.

    Returns:
        Indexes into `found`, at most one for each wanted object.
    """
    chosen: list[int] = []
    for label in dict.fromkeys(labels):
        believed = np.flatnonzero((found.labels == label) & (found.scores >= threshold))
        chosen += believed[: labels.count(label)].tolist()
    return chosen


def average_precision(scores: NDArray[np.float32], correct: NDArray[np.bool_], wanted: int) -> float:
    """Area under the precision-recall curve of one class, all points interpolated (Pascal VOC from 2010), 0..1.

    Args:
        scores: of every detection in every picture.
        correct: which of them are the first to hit an object of the class.
        wanted: objects of the class in all pictures, at least 1.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(correct[order])
    precision = hits / np.arange(1, len(hits) + 1)
    highest_later = np.maximum.accumulate(precision[::-1])[::-1]
    return float(highest_later[correct[order]].sum() / wanted)


def first_hits(found: Detections, boxes: Boxes, label: int) -> NDArray[np.bool_]:
    """Which detections of `label`, the surest first, are the first on one of `boxes` (M x 4), the best overlap each."""
    correct = np.zeros(len(found.scores), bool)
    free = np.ones(len(boxes), bool)
    for index in np.argsort(-found.scores, kind="stable"):
        if found.labels[index] != label or not free.any():
            continue
        shared = np.where(free, overlaps(found.boxes[index : index + 1], boxes)[0], 0.0)
        nearest = int(shared.argmax())
        if shared[nearest] >= SAME:
            correct[index], free[nearest] = True, False
    return correct


def _matches_truth(
    found: Detections, boxes: Sequence[tuple[float, float, float, float] | None], labels: Sequence[int]
) -> NDArray[np.bool_]:
    explained = np.zeros(len(found.scores), bool)
    for box, label in zip(boxes, labels, strict=True):
        explained |= _hits(found, box, label)
    return explained


def _hits(found: Detections, box: tuple[float, float, float, float] | None, label: int) -> NDArray[np.bool_]:
    if box is None:
        return np.zeros(len(found.scores), bool)
    known = np.asarray([box], np.float32)
    return np.asarray((found.labels == label) & (overlaps(found.boxes, known)[:, 0] >= SAME), bool)


def _areas(boxes: Boxes) -> NDArray[np.float32]:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None).prod(axis=1), np.float32)
