"""What a language model was asked about places for things, and what it answered, as a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.rows.values import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneProposal:
    """Classes of things, and a model's answer to the question where they could be; it may be unusable."""

    kind: ClassVar[str] = "scene_proposal"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    # source
    things: tuple[str, ...] = ()
    # propose
    answer: str = ""
    models: tuple[Model, ...] = ()
    # plan
    status: str = ""
