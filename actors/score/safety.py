"""Whether a row may be shown to anybody: by classifiers of pictures and words, or by a language model that sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self, final

from pydantic import Field, model_validator

from actors.chat.chat_stage import ChatModel, ChatSpec
from engine.errors import SampleError
from engine.registry import Registry
from engine.rows.composition import Composition
from engine.rows.scores import SafetyColumns
from engine.rows.values import Model, Pixels
from engine.run.stage import Run
from planners.chat.safety_question import NONE, read_verdict, safety_question


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm(SafetyColumns):
    """`unsafe` 0..1, None where nobody could say; `harm` names the likeliest harm."""


SafetyJudge = Callable[[Sequence[Composition], Sequence[Pixels]], list[Harm]]


class SafetyClassifier(Protocol):
    """What a safety backend offers; `models` are those that it runs."""

    models: tuple[Model, ...]

    def classify(self, images: Sequence[Pixels], words: Sequence[str]) -> Sequence[Harm]:
        """The harm of each HxWx3 picture with its words."""


@final
class SafetySpec(ChatSpec):
    """Who says what is harmful."""

    name: ClassVar[str] = "score.safety"
    plain: ClassVar[str] = "classifier"

    backend: str = Field(
        default="classifier",
        description="classifier, or a language model that sees, through transformers, vllm or openai",
    )
    harmless: tuple[str, ...] = Field(
        default=("normal",), description="classifier: labels of `model` that are no harm; all others are"
    )
    words_model: str = Field(
        default="",
        description="classifier: hub id or local folder of one that reads; empty: words are not read",
    )
    words_revision: str = Field(default="", description="commit of its weights on the hub, 40 hex digits")
    words_harmless: tuple[str, ...] = Field(default=(), description="labels of `words_model` that are no harm")

    @model_validator(mode="after")
    def _has_a_model(self) -> Self:
        if not self.model:
            raise ValueError("safety needs a model: a hub id or a local folder")
        return self


CLASSIFIERS: Registry[Callable[[SafetySpec], SafetyClassifier]] = Registry(
    "safety classifier", {"classifier": "actors.backends.score.safety_classifier:Classifiers"}
)


def without_safety(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[Harm]:
    """No model, no verdict."""
    del stored
    return [Harm()] * len(rows)


def safety_judge(spec: SafetySpec, run: Run) -> tuple[SafetyJudge, tuple[Model, ...]]:
    """The judge that a recipe asks for, loaded, and its models."""
    chat = spec.chat(run)
    if chat is not None:
        return _chat_judge(chat), (chat.model,)
    classifier = CLASSIFIERS.resolve(spec.backend)(spec)

    def judge(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[Harm]:
        return list(classifier.classify(stored, [_words(row) for row in rows]))

    return judge, classifier.models


def _chat_judge(chat: ChatModel) -> SafetyJudge:
    def judge(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[Harm]:
        questions = [safety_question(_words(row), image) for row, image in zip(rows, stored, strict=True)]
        return [_read(answer) for answer in chat.write(questions, [row.seed for row in rows])]

    return judge


def _read(answer: str | SampleError) -> Harm:
    try:
        if isinstance(answer, SampleError):
            raise answer
        harm = read_verdict(answer)
    except SampleError as error:
        return Harm(harm=error.code)
    return Harm(unsafe=0.0) if harm == NONE else Harm(unsafe=1.0, harm=harm)


def _words(row: Composition) -> str:
    """What the picture was made from, a line each."""
    return "\n".join((row.background_prompt, row.caption, row.caption_detailed, *row.concepts))
