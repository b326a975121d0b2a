"""Whether a detector that is told the class names alone finds what was placed, and whether it finds more than that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.metrics.detection import Detections, best_scores, surest_surplus, surplus, visible_box
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.rows.scores import DetectionColumns
from engine.rows.values import Model, Pixels


class Detector(Protocol):
    """What a detection backend offers. `threshold` is the score from which a box is believed."""

    model: Model
    threshold: float

    def detect(self, images: Sequence[Pixels], queries: Sequence[Sequence[str]]) -> Sequence[Detections]:
        """Boxes for the things named in `queries`, one list of names for each HxWx3 image.

        Less sure boxes than those of the threshold are among them.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised(DetectionColumns):
    """What a detector saw in one row: `scores` and `labels` in the order of the placements; None without a detector."""

    scores: tuple[float | None, ...]
    found: Detections | None = None
    labels: tuple[int, ...] = ()


NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
"""What is found where nothing is asked for."""

DetectionJudge = Callable[[Sequence[Composition], Sequence[Pixels]], list[Recognised]]


def without_detector(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[Recognised]:
    """No model, no number."""
    del stored
    return [Recognised(scores=(None,) * len(row.placements)) for row in rows]


def detection_judge(detector: Detector, library: Library) -> DetectionJudge:
    """What the detector recognises in a batch; each row is asked for the classes of its own cast."""

    def judge(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[Recognised]:
        classes = [_classes(row, library) for row in rows]
        queries = [list(dict.fromkeys(names)) for names in classes]
        asked_of = [number for number, names in enumerate(queries) if names]
        said = detector.detect([stored[number] for number in asked_of], [queries[number] for number in asked_of])
        heard = dict(zip(asked_of, said, strict=True))
        answers = [heard.get(number, NOTHING) for number in range(len(rows))]
        return [
            _recognise(row, found, [asked.index(name) for name in names], detector.threshold)
            for row, found, names, asked in zip(rows, answers, classes, queries, strict=True)
        ]

    return judge


def _classes(row: Composition, library: Library) -> list[str]:
    """Of what was placed; of a picture in which nothing was placed, of the concepts that its words name."""
    if row.placements:
        return [library.cutouts[at.cutout_id].class_name for at in row.placements]
    known = {info.concept: info.class_name for info in library.cutouts.values()}
    return [known[concept] for concept in row.concepts if concept in known]


def _recognise(row: Composition, found: Detections, labels: Sequence[int], threshold: float) -> Recognised:
    if not row.placements:
        return Recognised(scores=(), found=found, labels=tuple(labels))
    boxes = [visible_box(layer) for layer in row.layers]
    scores = best_scores(found, boxes, labels)
    return Recognised(
        scores=tuple(scores),
        object_recall=sum(score >= threshold for score in scores) / len(scores) if scores else None,
        surplus=surplus(found, boxes, labels, threshold),
        surplus_detection=surest_surplus(found, boxes, labels),
        found=found,
        labels=tuple(labels),
    )
