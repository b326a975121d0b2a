"""The metrics of papers, by name: for tables that are held against theirs. docs/metrics.md says where each is from.

They are computed with the models that `score` was given; whether those are the ones of a paper is the user's choice,
and stands in every row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from actors.score.clip import ImageScorer, crop, embedded_references
from actors.score.identity import Likeness, of_objects
from actors.score.scorers import Loaded, ModelScores
from engine.metrics.detection import top_boxes
from engine.metrics.similarity import Embeddings, clipscore, cp_clip, cp_clip_assigned, mean_cosine, similarities
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.rows.values import Pixels

Metric = Literal["clipscore", "clip_i", "seg_clip_i", "dino", "seg_dino", "cp_clip_detected"]
Model = Literal["clip", "identity", "detector"]
References = Callable[[str], Embeddings]


@dataclass(frozen=True, slots=True)
class Needed:
    """What a metric is computed with, and the columns that it fills besides that of its own name."""

    models: tuple[Model, ...]
    beside: tuple[str, ...] = field(default=())


METRICS: Mapping[Metric, Needed] = {
    "clipscore": Needed(("clip",)),
    "clip_i": Needed(("clip",)),
    "seg_clip_i": Needed(("clip",)),
    "dino": Needed(("identity",)),
    "seg_dino": Needed(("identity",)),
    "cp_clip_detected": Needed(
        ("clip", "detector"), ("cp_clip_detected_assigned", "concept_recall", "surplus_instances")
    ),
}

MetricJudge = Callable[[Sequence[Composition], Sequence[Pixels], Sequence[ModelScores]], list[dict[str, Any]]]


def metric_judge(loaded: Loaded, library: Library, limit: int, wanted: Sequence[Metric]) -> MetricJudge:
    """The wanted metrics of a batch, by column.

    Args:
        loaded: with the models that `METRICS` asks for.
        library: has the cut-outs of each concept.
        limit: cut-outs of a concept that are compared with, the first by id.
        wanted: names.
    """
    known: dict[str, References] = {}
    scorers: dict[str, ImageScorer | None] = {"clip": loaded.clip, "identity": loaded.identity}
    for name, scorer in scorers.items():
        if scorer is not None:
            known[name] = embedded_references(scorer, library, limit)

    def judge(
        rows: Sequence[Composition], stored: Sequence[Pixels], said: Sequence[ModelScores]
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [{} for _ in rows]
        for metric in wanted:
            model = METRICS[metric].models[0]
            scorer = scorers[model]
            assert scorer is not None
            columns: list[dict[str, Any]]
            if metric == "clipscore":
                columns = [{metric: clipscore(one.clip.clip_score or 0.0)} for one in said]
            elif metric == "cp_clip_detected":
                columns = _detected_cp_clip(rows, stored, said, loaded, known[model])
            elif metric.startswith("seg_"):
                columns = [{metric: each} for each in _segment_likeness(rows, stored, scorer, known[model], library)]
            else:
                images = scorer.embed_images(stored) if model == "identity" else [one.clip.image for one in said]
                columns = [{metric: _whole(row, image, known[model])} for row, image in zip(rows, images, strict=True)]
            for row, new in zip(found, columns, strict=True):
                row.update(new)
        return found

    return judge


def _whole(row: Composition, image: NDArray[np.float32] | None, known: References) -> Likeness:
    """Of every object: the whole picture against its concept, as DreamBooth has it for pictures of one subject."""
    assert image is not None
    return tuple(mean_cosine(image, known(concept)) for concept in row.concepts)


def _segment_likeness(
    rows: Sequence[Composition], stored: Sequence[Pixels], scorer: ImageScorer, known: References, library: Library
) -> list[Likeness]:
    """Of every object: what can be seen of it, on grey, against its concept on grey, as Toffee has it."""

    def mean(own: Embeddings, concepts: Sequence[str]) -> list[float]:
        return [mean_cosine(one, known(concept)) for one, concept in zip(own, concepts, strict=True)]

    return of_objects(rows, stored, scorer, library, mean)


def _detected_cp_clip(
    rows: Sequence[Composition],
    stored: Sequence[Pixels],
    said: Sequence[ModelScores],
    loaded: Loaded,
    known: References,
) -> list[dict[str, Any]]:
    """CP-CLIP as published, on the boxes of a detector that is told the classes alone; nothing placed is looked at."""
    assert loaded.clip is not None
    assert loaded.detector is not None
    columns = []
    for row, pixels, one in zip(rows, stored, said, strict=True):
        found, labels, wanted = one.recognised.found, one.recognised.labels, len(row.concepts)
        assert found is not None
        believed = np.flatnonzero(found.scores >= loaded.detector.threshold)
        crops = loaded.clip.embed_images([crop(pixels, found.boxes[number]) for number in believed])
        table = similarities(crops, [known(concept) for concept in row.concepts])
        best = np.isin(believed, top_boxes(found, labels, loaded.detector.threshold))
        columns.append(
            {
                "cp_clip_detected": cp_clip(table[best], wanted),
                "cp_clip_detected_assigned": cp_clip_assigned(table, wanted),
                "concept_recall": float(best.sum() / wanted) if wanted else None,
                "surplus_instances": int((~best).sum()),
            }
        )
    return columns
