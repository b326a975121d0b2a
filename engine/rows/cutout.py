"""A concept instance cut out of a photo, as a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from engine.rows.metric import METRIC, MetricSpec
from engine.rows.values import UNKNOWN_LICENSE, Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutout:
    """One concept instance cut out of one photo. `box` is the tight box in the photo, xyxy in 0..1."""

    kind: ClassVar[str] = "cutout"

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
    mask: str = ""
    # segment
    source_sha256: str = ""
    cutout_id: str = ""
    image: bytes | None = None
    width: int = 0
    height: int = 0
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    cut_borders: tuple[str, ...] = ()
    quality: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="cut-out quality", short="quality", about="how far the backend trusts the cut-out", low=0, high=1,
        higher_is_better=True, rank=600, views=("gallery",), function="actors.compose.segment:Segment",
    )})  # fmt: skip
    models: tuple[Model, ...] = ()
    notes: tuple[str, ...] = ()  # what was done to the photo when it was read: see engine.photos.decode_photo
    status: str = ""
    reasons: tuple[str, ...] = ()
