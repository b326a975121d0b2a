"""A composed image as a row. Fields are grouped by the stage that fills them.

A field marked `transient` travels between stages and is never stored; all others are the public columns of a shard.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from engine.rows.values import TRANSIENT, Model, Pixels


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

    kind: ClassVar[str] = "composition"

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
