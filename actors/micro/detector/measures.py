"""How good a detector is on annotated pictures, measured through the backend that production uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actors.micro.detector.data import Annotated
from actors.score.detection import Detector
from engine.metrics.detection import Boxes, Detections, average_precision, best_scores, first_hits, surplus
from engine.toybox import CLASSES

CHUNK = 64  # pictures that are read at once
LIMITS = tuple(number / 50 for number in range(1, 50))  # the thresholds that are tried, from the backend's own floor on


@dataclass(frozen=True, slots=True)
class Known:
    """One annotated picture: its number in the set, boxes N x 4, and classes as numbers."""

    index: int
    boxes: Boxes
    classes: tuple[int, ...]


def truth_of(data: Annotated, indexes: Sequence[int]) -> list[Known]:
    """The annotations of some pictures of a set."""
    known = []
    for index in indexes:
        count = int(data.counts[index])
        classes = tuple(int(number) for number in data.classes[index, :count])
        known.append(Known(index, np.asarray(data.boxes[index, :count], np.float32), classes))
    return known


def mean_average_precision(detector: Detector, data: Annotated, truth: Sequence[Known]) -> float:
    """AP at an overlap of 0.5, averaged over the classes that occur; every picture is asked for every class."""
    found = _detect(detector, data, truth, [CLASSES] * len(truth))
    scores = []
    for label in sorted({number for known in truth for number in known.classes}):
        own = [known.boxes[[number == label for number in known.classes]] for known in truth]
        correct = [first_hits(each, boxes, label)[each.labels == label] for each, boxes in zip(found, own, strict=True)]
        told = [each.scores[each.labels == label] for each in found]
        wanted = sum(len(boxes) for boxes in own)
        scores.append(average_precision(np.concatenate(told), np.concatenate(correct), wanted))
    return float(np.mean(scores))


def recall_and_precision(detector: Detector, data: Annotated, truth: Sequence[Known]) -> tuple[float, float]:
    """Of objects and of boxes at the working threshold; a picture is asked for its own classes, as in a pipeline.

    Recall is the share of objects with a box of their class; precision that of boxes that show an object of theirs.
    """
    return _at(_answers(detector, data, truth), detector.threshold)


def working_threshold(detector: Detector, data: Annotated, truth: Sequence[Known], precision: float) -> float:
    """The lowest threshold with that precision, or else the most precise one.

    Recall has no say: toys that training has seen are found at any threshold, and groups alone are held out here.
    """
    answers = _answers(detector, data, truth)
    reached = {limit: _at(answers, limit)[1] for limit in LIMITS}
    precise = [limit for limit in LIMITS if reached[limit] >= precision]
    return min(precise) if precise else max(LIMITS, key=reached.__getitem__)


@dataclass(frozen=True, slots=True)
class _DetectorAnswer:
    """What was found where a picture was asked for its own classes, and the best score on each of its objects."""

    found: Detections
    boxes: list[tuple[float, float, float, float] | None]
    labels: list[int]
    hits: NDArray[np.float64]


def _at(answers: Sequence[_DetectorAnswer], limit: float) -> tuple[float, float]:
    """Recall and precision at a threshold."""
    seen = sum(int((answer.hits >= limit).sum()) for answer in answers)
    believed = sum(int((answer.found.scores >= limit).sum()) for answer in answers)
    wrong = sum(surplus(answer.found, answer.boxes, answer.labels, limit) for answer in answers)
    return seen / sum(len(answer.hits) for answer in answers), (believed - wrong) / max(believed, 1)


def _answers(detector: Detector, data: Annotated, truth: Sequence[Known]) -> list[_DetectorAnswer]:
    asked = [list(dict.fromkeys(CLASSES[number] for number in known.classes)) for known in truth]
    answers = []
    for known, names, found in zip(truth, asked, _detect(detector, data, truth, asked), strict=True):
        labels = [names.index(CLASSES[number]) for number in known.classes]
        boxes: list[tuple[float, float, float, float] | None] = [
            (float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in known.boxes
        ]
        answers.append(_DetectorAnswer(found, boxes, labels, np.asarray(best_scores(found, boxes, labels))))
    return answers


def _detect(
    detector: Detector, data: Annotated, truth: Sequence[Known], queries: Sequence[Sequence[str]]
) -> list[Detections]:
    found: list[Detections] = []
    for start in range(0, len(truth), CHUNK):
        part = slice(start, start + CHUNK)
        found += detector.detect([np.array(data.images[known.index]) for known in truth[part]], queries[part])
    return found
