"""The stage that asks a model which sees for five marks of each picture, beside a photo of each concept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self, final

import numpy as np
from pydantic import Field, model_validator

from actors.chat.chat_stage import ChatModel, ChatSpec
from actors.evaluate.concept_photos import read_photos
from engine.errors import SampleError
from engine.photos.images import decode, resize
from engine.photos.listing import list_photos
from engine.rows.evaluated import EvaluatedImage
from engine.rows.values import Pixels
from engine.run.stage import Run, Stage, Worker
from planners.chat.judge_question import CRITERIA, judge_question, read_marks

SIDE = 768  # px of the picture on the sheet
NOBODY = "none"


@final
class JudgeSpec(ChatSpec):
    """The model that judges; never one that planned or captioned the data: judges prefer their own."""

    name: ClassVar[str] = "judge"
    plain: ClassVar[str] = NOBODY

    backend: str = Field(default="vllm", description="vllm, transformers or openai")

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if self.backend == NOBODY:
            raise ValueError("judge: leave it out for no judge")
        return self


@final
class Judge(Stage):
    """Five marks of each picture; null where the answer cannot be read."""

    name: ClassVar[str] = "judge"
    reads: ClassVar[tuple[str, ...]] = ("of", "concepts", "caption", "models")
    writes: ClassVar[tuple[str, ...]] = (*CRITERIA, "judges")

    spec: JudgeSpec = Field(description="the model that judges")
    photos: str = Field(description="URI of photos that were not trained on, a folder for each concept")
    photos_hash: str = Field(description="of which photos these are")
    classes: dict[str, str] = Field(description="of each concept")

    def affects_data(self, *, besides: Collection[str] = ()) -> dict[str, Any]:
        """All fields but those that say where things lie."""
        return super().affects_data(besides={*besides, "photos", "batch_size"})

    def load(self, run: Run) -> Worker:
        """Load the model, and read a photo of each concept.

        Raises:
            UsageError, EnvironmentProblem: those of `actors.chat.chat_stage.ChatSpec.chat`.
        """
        chat = self.spec.chat(run)
        assert chat is not None
        photos = {name: own[0] for name, own in read_photos(list_photos(self.photos), list(self.classes), 1).items()}

        def work(rows: Sequence[EvaluatedImage]) -> list[object]:
            return list(self._judge(rows, photos, chat))

        return work

    def _judge(
        self, rows: Sequence[EvaluatedImage], photos: Mapping[str, Pixels], chat: ChatModel
    ) -> Sequence[EvaluatedImage]:
        questions = [
            judge_question(
                row.caption,
                [self.classes[concept] for concept in row.concepts if concept in photos],
                sheet(decode(row.of.image or b""), [photos[concept] for concept in row.concepts if concept in photos]),
            )
            for row in rows
            if row.of is not None
        ]
        answers = chat.write(questions, [row.seed for row in rows])
        return [replace(row, judges=(chat.model,), **_marks(answer)) for row, answer in zip(rows, answers, strict=True)]


def sheet(picture: Pixels, photos: Sequence[Pixels]) -> Pixels:
    """A picture on the left, `SIDE` px, and on the right a column of photos, as high together; HxWx3."""
    left = resize(np.ascontiguousarray(picture[..., :3]), SIDE, SIDE)
    if not photos:
        return left
    height = SIDE // len(photos)
    column = [_letterbox(each, height) for each in photos]
    right = np.zeros((SIDE, height, 3), np.uint8)
    right[: height * len(column)] = np.vstack(column)
    return np.hstack([left, right])


def _letterbox(photo: Pixels, side: int) -> Pixels:
    scale = side / max(photo.shape[:2])
    height, width = (max(round(edge * scale), 1) for edge in photo.shape[:2])
    box = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    box[top : top + height, left : left + width] = resize(np.ascontiguousarray(photo), width, height)
    return box


def _marks(answer: str | SampleError) -> dict[str, Any]:
    if isinstance(answer, SampleError):
        return {}
    try:
        return read_marks(answer).model_dump()
    except SampleError:
        return {}
