"""The metrics of papers, by name: for tables that are held against theirs. docs/metrics.md says where each is from.

They are computed with the models that `score` was given; whether those are the ones of a paper is the user's choice,
and stands in every row. A metric is a function of a batch that gives one value for each row, and a row of the table of
metrics that names it (`engine.rows.metric.MetricSpec.function`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from actors.score.clip import crop, references_of
from actors.score.identity import Likeness, of_objects
from actors.score.references import ImageScorer, References
from actors.score.scorers import Loaded, ModelScores
from engine.metrics import similarity
from engine.metrics.detection import top_boxes
from engine.metrics.similarity import Embeddings, mean_cosine
from engine.photos.library import Library
from engine.registry import Registry
from engine.rows.composition import Composition
from engine.rows.metric import metric_fields
from engine.rows.values import Pixels


@dataclass(frozen=True, slots=True)
class DetectedCrops:
    """What a detector believes to see in one row.

    Attributes:
        table: boxes x concepts, the similarity of each crop with each concept; None where a concept has one photo.
        best: boxes, whether a box is the surest of a concept's class.
        wanted: concepts of the row.
    """

    table: NDArray[np.float64] | None
    best: NDArray[np.bool_]
    wanted: int


@final
@dataclass(frozen=True)
class ScoredBatch:
    """Committed rows, and everything that a metric of them may be computed from.

    Attributes:
        rows: with their layers.
        stored: the image of each as it is stored, HxWx3.
        said: what the models say of each.
        loaded: the models; a metric is asked for only where those that it needs are there.
        library: has the cut-outs of each concept.
        references: by model, ``clip`` or ``identity``.
    """

    rows: Sequence[Composition]
    stored: Sequence[Pixels]
    said: Sequence[ModelScores]
    loaded: Loaded
    library: Library
    references: Mapping[str, References]

    @cached_property
    def detected(self) -> list[DetectedCrops]:
        """The boxes of a detector that is told the classes alone, of each row; nothing placed is looked at."""
        return [self._read_boxes(*each) for each in zip(self.rows, self.stored, self.said, strict=True)]

    def _read_boxes(self, row: Composition, pixels: Pixels, said: ModelScores) -> DetectedCrops:
        clip, detector, found = self.loaded.clip, self.loaded.detector, said.recognised.found
        assert clip is not None
        assert detector is not None
        assert found is not None
        believed = np.flatnonzero(found.scores >= detector.threshold)
        crops = clip.embed_images([crop(pixels, found.boxes[number]) for number in believed])
        known = references_of(row, self.references["clip"], self.library)
        best = np.isin(believed, top_boxes(found, said.recognised.labels, detector.threshold))
        table = similarity.similarities(crops, known) if all(len(each) for each in known) else None
        return DetectedCrops(table, best, len(row.concepts))


MetricFunction = Callable[[ScoredBatch], Sequence[object]]
"""One value for each row of a batch."""

MetricJudge = Callable[[Sequence[Composition], Sequence[Pixels], Sequence[ModelScores]], list[dict[str, Any]]]


def metric_functions(record: type) -> Registry[MetricFunction]:
    """The functions of a record's columns that are computed on request, by column."""
    asked = {name: spec.function for name, spec in metric_fields(record).items() if spec.request}
    return Registry("metric", asked)


def metric_judge(loaded: Loaded, library: Library, limit: int, functions: Mapping[str, MetricFunction]) -> MetricJudge:
    """Some metrics of a batch, by column.

    Args:
        loaded: with the models that these metrics need.
        library: has the cut-outs of each concept.
        limit: cut-outs of a concept that are compared with, the first by id.
        functions: by column.
    """
    scorers: dict[str, ImageScorer | None] = {"clip": loaded.clip, "identity": loaded.identity}
    references = {name: References(each, library, limit) for name, each in scorers.items() if each}

    def judge(
        rows: Sequence[Composition], stored: Sequence[Pixels], said: Sequence[ModelScores]
    ) -> list[dict[str, Any]]:
        batch = ScoredBatch(rows, stored, said, loaded, library, references)
        columns = {name: function(batch) for name, function in functions.items()}
        return [{name: values[number] for name, values in columns.items()} for number in range(len(rows))]

    return judge


def clipscore(batch: ScoredBatch) -> list[float]:
    """CLIPScore of image and caption."""
    return [similarity.clipscore(said.clip.clip_score or 0.0) for said in batch.said]


def clip_i(batch: ScoredBatch) -> list[Likeness]:
    """CLIP-I of every object: the whole picture against its concept, as DreamBooth has it for pictures of one."""
    return _whole(batch, [said.clip.image for said in batch.said], "clip")


def dino(batch: ScoredBatch) -> list[Likeness]:
    """DINO of every object: as `clip_i`, by the identity model."""
    assert batch.loaded.identity is not None
    return _whole(batch, list(batch.loaded.identity.embed_images(batch.stored)), "identity")


def _whole(batch: ScoredBatch, images: Sequence[NDArray[np.float32] | None], model: str) -> list[Likeness]:
    references = batch.references[model]
    found: list[Likeness] = []
    for row, image in zip(batch.rows, images, strict=True):
        assert image is not None
        known = references_of(row, references, batch.library)
        found.append(tuple(mean_cosine(image, each) if len(each) else None for each in known))
    return found


def seg_clip_i(batch: ScoredBatch) -> list[Likeness]:
    """CLIP-I of what can be seen of every object, on grey, against its concept on grey, as Toffee has it."""
    return _segments(batch, batch.loaded.clip, "clip")


def seg_dino(batch: ScoredBatch) -> list[Likeness]:
    """As `seg_clip_i`, by the identity model."""
    return _segments(batch, batch.loaded.identity, "identity")


def _segments(batch: ScoredBatch, scorer: ImageScorer | None, model: str) -> list[Likeness]:
    assert scorer is not None

    def mean(own: Embeddings, cutout_ids: Sequence[str]) -> list[float | None]:
        return [_mean(one, batch.references[model], key) for one, key in zip(own, cutout_ids, strict=True)]

    return of_objects(batch.rows, batch.stored, scorer, mean)


def _mean(one: NDArray[np.float32], references: References, cutout_id: str) -> float | None:
    others = references.others(cutout_id)
    return mean_cosine(one, others) if len(others) else None


def cp_clip_detected(batch: ScoredBatch) -> list[float | None]:
    """CP-CLIP as published: the surest box of each concept's class, its best concept; a missing one adds 0."""
    return [
        None if seen.table is None else similarity.cp_clip(seen.table[seen.best], seen.wanted)
        for seen in batch.detected
    ]


def cp_clip_detected_assigned(batch: ScoredBatch) -> list[float | None]:
    """All believed boxes matched with concepts one to one, so that a swap costs."""
    return [
        None if seen.table is None else similarity.cp_clip_assigned(seen.table, seen.wanted) for seen in batch.detected
    ]


def concept_recall(batch: ScoredBatch) -> list[float | None]:
    """Share of the concepts with a box, 0..1; None of a row without concepts."""
    return [float(seen.best.sum() / seen.wanted) if seen.wanted else None for seen in batch.detected]


def surplus_instances(batch: ScoredBatch) -> list[int]:
    """Believed boxes beyond one for each concept."""
    return [int((~seen.best).sum()) for seen in batch.detected]
