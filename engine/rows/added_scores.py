"""Scores that are added to a composition after it was committed, as a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from engine.rows.composition import Composition
from engine.rows.values import TRANSIENT, Model


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedScores:
    """Further scores of a composition that is committed already. Lists are in the order of its objects."""

    kind: ClassVar[str] = "added_scores"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    of: Composition | None = field(default=None, metadata=TRANSIENT)
    # rescore
    clip_score: float | None = None
    ti_clip: float | None = None
    cp_clip: float | None = None
    cp_clip_assigned: float | None = None
    identities: tuple[float | None, ...] = ()
    detections: tuple[float | None, ...] = ()
    object_recall: float | None = None
    surplus: int | None = None
    surplus_detection: float | None = None
    unsafe: float | None = None
    harm: str = ""
    clipscore: float | None = None
    clip_i: tuple[float | None, ...] = ()
    seg_clip_i: tuple[float | None, ...] = ()
    dino: tuple[float | None, ...] = ()
    seg_dino: tuple[float | None, ...] = ()
    cp_clip_detected: float | None = None
    cp_clip_detected_assigned: float | None = None
    concept_recall: float | None = None
    surplus_instances: int | None = None
    aesthetic: float | None = None
    embedding: tuple[np.float16, ...] = ()
    phash: int | None = None
    models: tuple[Model, ...] = ()
    # plan
    status: str = ""
