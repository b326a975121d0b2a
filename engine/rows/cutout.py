"""A concept instance cut out of a photo, as a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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
