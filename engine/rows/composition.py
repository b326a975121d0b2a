"""A composed image as a row. Fields are grouped by the stage that fills them.

A field marked `transient` travels between stages and is never stored; all others are the public columns of a shard.
Scores are declared in `engine.rows.scores`. A dataclass takes the columns of its bases from the last one to the first,
then its own: so stand the columns of a shard.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from engine.rows.metric import METRIC, MetricSpec
from engine.rows.scores import ClipColumns, DetectionColumns, ObjectColumns, PixelColumns, SafetyColumns
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
class PastedObject:
    """One object of a composition before it is measured: what it is, and where and how it was pasted."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedObject(ObjectColumns, PastedObject):
    """One object of a composition, in the order in which the caption names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnscoredComposition:
    """A composition before its scores: everything that stages in front of `score` fill, and its objects."""

    kind: ClassVar[str] = "composition"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    # scene
    concepts: tuple[str, ...] = ()
    num_objects: int = field(default=0, metadata={METRIC: MetricSpec(
        label="number of objects", short="objects", about="how many objects were placed", low=2, high=5, digits=0,
        rank=700, views=("gallery",), function="planners.compose.scenes:plan_scene",
    )})  # fmt: skip
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition(SafetyColumns, DetectionColumns, ClipColumns, PixelColumns, UnscoredComposition):
    """One composed training image with everything needed to make it again."""

    # score
    models: tuple[Model, ...] = ()
    # gate
    status: str = ""
    reasons: tuple[str, ...] = ()
