"""How models are compared: what is asked, how it is drawn, which models measure it. YAML files in recipes/evaluate."""

from __future__ import annotations

from typing import Literal, Self, final

from pydantic import Field, model_validator

from actors.compose.segment import Segment
from actors.evaluate.judge import JudgeSpec
from actors.personalize.draw.drawing import Drawing
from actors.score.scorers import ClipSpec, DetectorSpec, IdentitySpec
from engine.run.stage import Spec

Asked = Literal["scenes", "dreambench", "customconcept101"]


@final
class Measures(Spec):
    """The models that measure. Numbers of two sets of them cannot be compared."""

    clip: ClipSpec = Field(description="CLIP-T, TI-CLIP, CLIP-I, CP-CLIP")
    identity: IdentitySpec = Field(description="DINO, and who is who")
    detector: DetectorSpec = Field(description="where things are; it is told classes alone")
    segment: Segment | None = Field(
        default=None, description="cuts crops out, on grey; without it they keep what lies around"
    )
    references: int = Field(default=8, ge=1, le=64, description="photos of each concept that pictures are held against")
    collapse: float = Field(
        default=0.05,
        ge=0,
        le=0.5,
        description="a concept has collapsed that is less like its photos than this share of them",
    )


@final
class Protocol(Spec):
    """Questions, drawing and measures."""

    ask: Asked = Field(default="scenes", description="casts before scenes, or the prompts of a benchmark's own files")
    subjects: tuple[int, ...] = Field(default=(1, 2, 3, 4, 5), description="how many concepts are asked for at once")
    casts: int = Field(default=8, ge=1, le=500, description="sets of concepts of each number, at most")
    scenes: tuple[str, ...] = Field(default=(), description="phrases behind the cast, such as: on a beach")
    per_prompt: int = Field(default=6, ge=1, le=100, description="pictures of each prompt")
    side: int | None = Field(default=None, ge=64, description="of pictures in pixels; null: as each model was trained")
    seed: int = Field(default=0, ge=0, description="of casts and pictures, the same for every model")
    drawing: Drawing = Field(default=Drawing(), description="how pictures are drawn")
    measures: Measures = Field(description="which models measure")
    judge: JudgeSpec | None = Field(
        default=None, description="a model that sees and gives five marks; without it the marks stay null"
    )
    accept_licence: tuple[str, ...] = Field(
        default=(), description="models that may be used though their licence is restricted"
    )

    @model_validator(mode="after")
    def _has_questions(self) -> Self:
        if self.ask == "scenes" and not self.scenes:
            raise ValueError("ask: scenes needs some, such as scenes: [on a beach]")
        if not self.subjects or min(self.subjects) < 1:
            raise ValueError("subjects: numbers from 1")
        return self
