"""Scores that are added to a composition after it was committed, as a row.

Those that `score` has too are inherited; those that are computed on request are declared here, each a typed field and
its row of the table of metrics. docs/metrics.md explains them. Lists have one number for each object, in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from engine.rows.composition import Composition, PlacedObject
from engine.rows.metric import METRIC, MetricSpec, metric_fields
from engine.rows.scores import GEN4GEN, ClipColumns, DetectionColumns, SafetyColumns
from engine.rows.values import TRANSIENT, Model

DREAMBOOTH, TOFFEE = "DreamBooth (arXiv 2208.12242), 4.1", "Toffee (arXiv 2406.09305)"
PAPERS = "actors.score.paper_metrics"


def _of_objects(name: str) -> Mapping[str, MetricSpec]:
    """The row of a score of objects, for the list of its numbers."""
    return {METRIC: replace(metric_fields(PlacedObject)[name], column=name)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedComposition:
    """A composition that is to be scored again."""

    kind: ClassVar[str] = "added_scores"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    of: Composition | None = field(default=None, metadata=TRANSIENT)


@dataclass(frozen=True, kw_only=True)
class ListedObjectColumns:
    """The scores of objects that models give, as lists."""

    __slots__ = ()
    identities: tuple[float | None, ...] = field(default=(), metadata=_of_objects("identity"))
    copy_pastes: tuple[float | None, ...] = field(default=(), metadata=_of_objects("copy_paste"))
    detections: tuple[float | None, ...] = field(default=(), metadata=_of_objects("detection"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedScores(SafetyColumns, DetectionColumns, ListedObjectColumns, ClipColumns, CommittedComposition):
    """Further scores of a composition that is committed already."""

    # rescore
    clipscore: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="CLIPScore", about="2.5 max(cosine of image and caption, 0)", source="CLIPScore (arXiv 2104.08718), 3",
        low=0, high=2.5, higher_is_better=True, needs=("clip",), request="clipscore", rank=500,
        function=f"{PAPERS}:clipscore",
    )})  # fmt: skip
    clip_i: tuple[float | None, ...] = field(default=(), metadata={METRIC: MetricSpec(
        label="CLIP-I", about="mean cosine of the image with the cut-outs of an object's concept",
        source=f"CLIP-I of {DREAMBOOTH}", low=-1, high=1, higher_is_better=True, needs=("clip",), request="clip_i",
        rank=510, function=f"{PAPERS}:clip_i",
    )})  # fmt: skip
    seg_clip_i: tuple[float | None, ...] = field(default=(), metadata={METRIC: MetricSpec(
        label="Seg-CLIP-I", about="CLIP-I of the object, cut out and on grey", source=f"Seg-CLIP-I of {TOFFEE}",
        low=-1, high=1, higher_is_better=True, needs=("clip",), request="seg_clip_i", rank=520,
        function=f"{PAPERS}:seg_clip_i",
    )})  # fmt: skip
    dino: tuple[float | None, ...] = field(default=(), metadata={METRIC: MetricSpec(
        label="DINO", about="mean cosine of the image with the cut-outs of an object's concept",
        source=f"DINO of {DREAMBOOTH}", low=-1, high=1, higher_is_better=True, needs=("identity",), request="dino",
        rank=530, function=f"{PAPERS}:dino",
    )})  # fmt: skip
    seg_dino: tuple[float | None, ...] = field(default=(), metadata={METRIC: MetricSpec(
        label="Seg-DINO", about="DINO of the object, cut out and on grey", source=f"Seg-DINO of {TOFFEE}",
        low=-1, high=1, higher_is_better=True, needs=("identity",), request="seg_dino", rank=540,
        function=f"{PAPERS}:seg_dino",
    )})  # fmt: skip
    cp_clip_detected: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="CP-CLIP, detected", about="CP-CLIP as published, on detected boxes", source=f"CP-CLIP of {GEN4GEN}",
        low=-1, high=1, higher_is_better=True, needs=("clip", "detector"), request="cp_clip_detected", rank=550,
        function=f"{PAPERS}:cp_clip_detected",
    )})  # fmt: skip
    cp_clip_detected_assigned: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="CP-CLIP, detected and assigned", about="the same, every box with a concept of its own",
        low=-1, high=1, higher_is_better=True, needs=("clip", "detector"), request="cp_clip_detected", rank=551,
        function=f"{PAPERS}:cp_clip_detected_assigned",
    )})  # fmt: skip
    concept_recall: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="concepts detected", about="share of the concepts with a box", low=0, high=1, higher_is_better=True,
        needs=("clip", "detector"), request="cp_clip_detected", rank=552, function=f"{PAPERS}:concept_recall",
    )})  # fmt: skip
    surplus_instances: int | None = field(default=None, metadata={METRIC: MetricSpec(
        label="surplus instances", about="boxes beyond one for each concept", low=0, higher_is_better=False, digits=0,
        needs=("clip", "detector"), request="cp_clip_detected", rank=553, function=f"{PAPERS}:surplus_instances",
    )})  # fmt: skip
    aesthetic: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="aesthetic score", about="what the picture is worth, by a linear head over its CLIP embedding",
        source="LAION aesthetic predictor (2022)", higher_is_better=True, needs=("clip",), digits=2, rank=560,
        function="actors.backends.score.linear_head:LinearHead",
    )})  # fmt: skip
    embedding: tuple[np.float16, ...] = ()
    phash: int | None = field(default=None, metadata={METRIC: MetricSpec(
        label="perceptual hash", about="64 bits that resemble those of pictures that look alike",
        source="Zauner (2010)", digits=0, rank=570, views=(), function="engine.metrics.perceptual_hash:phash",
    )})  # fmt: skip
    models: tuple[Model, ...] = ()
    # plan
    status: str = ""
