"""Rows about backgrounds: what CLIP makes of a photo or of a phrase, and pictures that were painted from phrases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.rows.values import UNKNOWN_LICENSE, Model


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundEmbedding:
    """A photo of a place, and what a CLIP model makes of it: `embedding` has length 1."""

    kind: ClassVar[str] = "background_embedding"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    # source
    background_id: str = ""
    scene: str = ""
    phrase: str = ""
    ground_line: float = 0.0
    license: str = UNKNOWN_LICENSE
    uri: str = ""
    sha256: str = ""
    # embed_photos
    embedding: tuple[float, ...] = ()
    models: tuple[Model, ...] = ()
    # plan
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseEmbedding:
    """A phrase such as "on a sandy beach", and what a CLIP model makes of it: `embedding` has length 1."""

    kind: ClassVar[str] = "phrase_embedding"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    # source
    phrase: str = ""
    # embed_phrases
    embedding: tuple[float, ...] = ()
    # plan
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptiedPhoto:
    """A photo whose subject was taken out: a square `image` without it, and the box of the hole in it.

    `box` is that of the subject in the photo, `hole` that in the square; both xyxy in 0..1.
    """

    kind: ClassVar[str] = "emptied_photo"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    # source
    source: str = ""
    cutout_id: str = ""
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    # empty_photo
    image: bytes | None = None
    hole: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    ground_line: float = 0.0
    # plan
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedBackground:
    """A picture of a place that a model painted from a phrase; `take` counts the pictures of one phrase from 0."""

    kind: ClassVar[str] = "painted_background"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    # source
    file_name: str = ""
    phrase: str = ""
    take: int = 0
    # paint_background
    image: bytes | None = None
    models: tuple[Model, ...] = ()
    # plan
    status: str = ""
