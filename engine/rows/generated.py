"""A picture that a model drew from words, as a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.rows.values import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedImage:
    """One picture of one prompt.

    Attributes:
        prompt: the words, with modifier tokens where an artifact was asked.
        take: which of the pictures of this prompt.
        caption: the words without tokens, as a CLIP model reads them.
        concepts: those that the prompt names, in its order.
        artifact: hash of the artifact's manifest; empty where a base was asked.
    """

    kind: ClassVar[str] = "generated_image"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    # listed
    prompt: str = ""
    take: int = 0
    caption: str = ""
    concepts: tuple[str, ...] = ()
    artifact: str = ""
    # draw
    image: bytes | None = None
    models: tuple[Model, ...] = ()
    # plan
    status: str = ""
