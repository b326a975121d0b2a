"""The rows: one frozen class per kind. Fields are grouped by the stage that fills them.

A field marked `transient` travels between stages and is never stored; all others are the public columns of a shard.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""HxW (mask or alpha), HxWx3 (RGB) or HxWx4 (RGBA, straight alpha), uint8."""

ACCEPTED, REJECTED, PAD = "accepted", "rejected", "pad"
UNKNOWN_LICENSE = "unknown"


TRANSIENT = {"transient": True}
"""Marks a field that later stages read and no shard stores."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row could not be made. Any stage may leave one; later stages pass the row by."""

    stage: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that had a hand in a row."""

    name: str
    revision: str
    license: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where one cut-out goes. `order` 0 is farthest and pasted first."""

    cutout_id: str
    box: tuple[float, float, float, float]
    flip: bool
    order: int
    support: str
    relative_size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedObject:
    """One object of a composition, in the order in which the caption names it."""

    concept: str
    class_name: str
    cutout_id: str
    source_sha256: str
    license: str
    box: tuple[float, float, float, float]
    mask: bytes
    flip: bool
    order: int
    support: str
    relative_size: float
    color_gain: tuple[float, ...]
    color_offset: tuple[float, ...]
    visible_fraction: float
    identity_psnr: float | None
    identity: float | None = None
    detection: float | None = None
    cut_edge: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """One composed training image with everything needed to make it again."""

    # plan
    sample_id: str
    unit_id: int
    seed: int
    # scene
    concepts: tuple[str, ...] = ()
    num_objects: int = 0
    scene: str = ""
    background_prompt: str = ""
    background_id: str = ""
    ground_line: float | None = None
    cast: tuple[str, ...] = field(default=(), metadata=TRANSIENT)
    # layout
    placements: tuple[Placement, ...] = field(default=(), metadata=TRANSIENT)
    layout_source: str = ""
    planners: tuple[Model, ...] = field(default=(), metadata=TRANSIENT)
    # paste
    background: Pixels | None = field(default=None, metadata=TRANSIENT)
    foreground: Pixels | None = field(default=None, metadata=TRANSIENT)
    layers: tuple[Pixels, ...] = field(default=(), metadata=TRANSIENT)
    repaint_mask: Pixels | None = field(default=None, metadata=TRANSIENT)
    color_gains: tuple[tuple[float, ...], ...] = field(default=(), metadata=TRANSIENT)
    color_offsets: tuple[tuple[float, ...], ...] = field(default=(), metadata=TRANSIENT)
    # inpaint
    painted: Pixels | None = field(default=None, metadata=TRANSIENT)
    painters: tuple[Model, ...] = field(default=(), metadata=TRANSIENT)
    # restore
    image: bytes | None = None
    # caption
    caption: str = ""
    caption_template: str = ""
    caption_detailed: str = ""
    caption_source: str = ""
    captioners: tuple[Model, ...] = field(default=(), metadata=TRANSIENT)
    # score
    objects: tuple[PlacedObject, ...] = ()
    layout_valid: bool | None = None
    seam: float | None = None
    clip_score: float | None = None
    ti_clip: float | None = None
    cp_clip: float | None = None
    cp_clip_assigned: float | None = None
    object_recall: float | None = None
    surplus: int | None = None
    surplus_detection: float | None = None
    unsafe: float | None = None
    harm: str = ""
    models: tuple[Model, ...] = ()
    # gate
    status: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """Further scores of a composition that is committed already. Lists are in the order of its objects."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutout:
    """One concept instance cut out of one photo. `box` is the tight box in the photo, xyxy in 0..1."""

    # plan
    sample_id: str
    unit_id: int
    seed: int
    # source
    source: str = ""
    concept: str = ""
    class_name: str = ""
    license: str = UNKNOWN_LICENSE
    ensemble: str = ""
    # segment
    source_sha256: str = ""
    cutout_id: str = ""
    image: bytes | None = None
    width: int = 0
    height: int = 0
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    cut_borders: tuple[str, ...] = ()
    quality: float | None = None
    models: tuple[Model, ...] = ()
    status: str = ""
    reasons: tuple[str, ...] = ()
