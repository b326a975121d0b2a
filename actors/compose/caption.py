"""Writes down what a picture shows: by the template, or by a language model that sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

from pydantic import Field

from actors.chat.chat_stage import ChatModel, ChatSpec
from engine.errors import SampleError
from engine.photos.cast import open_cast
from engine.photos.images import decode
from engine.registry import Registry
from engine.rows.composition import Composition
from engine.run.stage import Run, Stage, Worker
from planners.chat.caption_question import Captions, caption_question, read_captions
from planners.compose.captions import caption, fill_template

TOKENIZERS: Registry[Callable[[str], int]] = Registry(
    "tokenizer", {"clip": "actors.backends.score.clip_tokens:clip_tokens"}
)


@final
class Caption(ChatSpec, Stage):
    """Name every object and the background, in words and with placeholders for training.

    A language model's answer is held to the rules, asked for once more where it breaks one, and then replaced by the
    template's: `caption_source` says whose the caption is.
    """

    name: ClassVar[str] = "caption"
    reads: ClassVar[tuple[str, ...]] = ("cast", "concepts", "background_prompt", "image")
    needs: ClassVar[tuple[str, ...]] = ("library",)
    writes: ClassVar[tuple[str, ...]] = (
        "caption", "caption_template", "caption_detailed", "caption_source", "captioners",
    )  # fmt: skip
    plain: ClassVar[str] = "template"

    backend: str = Field(
        default="template",
        description="template (no model), or a language model that sees, through transformers, vllm or openai",
    )

    def load(self, run: Run) -> Worker:
        """A worker that knows the class of every cut-out.

        Raises:
            UsageError: those of `ChatSpec.chat`.
            EnvironmentProblem: LIBRARY_MISSING, and those of `ChatSpec.chat`.
        """
        classes = {key: item.class_name for key, item in open_cast(run.out, run.library).cutouts.items()}
        chat = self.chat(run)
        captioner = _Captioner(self.backend, chat, classes, TOKENIZERS.resolve("clip")) if chat else None

        def work(rows: Sequence[Composition]) -> list[object]:
            by_template = [_by_template(row, classes) for row in rows]
            return list(captioner.caption(by_template) if captioner else by_template)

        return work


def _by_template(row: Composition, classes: Mapping[str, str]) -> Composition:
    words = caption(row.concepts, [classes[key] for key in row.cast], row.background_prompt)
    return replace(row, caption=words.text, caption_template=words.template, caption_source="template")


@final
@dataclass(frozen=True, slots=True)
class _Captioner:
    """Asks a model about rows that the template has named already."""

    backend: str
    chat: ChatModel
    classes: Mapping[str, str]
    tokens: Callable[[str], int]

    def caption(self, rows: Sequence[Composition]) -> list[Composition]:
        """One question a row, and a second one where the answer broke a rule."""
        first = self._ask(rows, [""] * len(rows))
        failed = {number: found.why for number, found in enumerate(first) if isinstance(found, SampleError)}
        again = self._ask([rows[number] for number in failed], [*failed.values()])
        second = dict(zip(failed, again, strict=True))
        return [
            self._with_caption(row, second.get(number, found), self.backend + ("+again" if number in second else ""))
            for number, (row, found) in enumerate(zip(rows, first, strict=True))
        ]

    def _ask(self, rows: Sequence[Composition], complaints: Sequence[str]) -> list[Captions | SampleError]:
        if not rows:
            return []
        questions = [
            caption_question(self._names(row), decode(row.image or b""), complaint)
            for row, complaint in zip(rows, complaints, strict=True)
        ]
        answers = self.chat.write(questions, [row.seed for row in rows])
        return [self._read(row, answer) for row, answer in zip(rows, answers, strict=True)]

    def _read(self, row: Composition, answer: str | SampleError) -> Captions | SampleError:
        if isinstance(answer, SampleError):
            return answer
        try:
            return read_captions(answer, len(row.cast), self.tokens, lambda template: self._fill(row, template))
        except SampleError as error:
            return error

    def _with_caption(self, row: Composition, found: Captions | SampleError, source: str) -> Composition:
        if isinstance(found, SampleError):
            return replace(row, caption_source=f"template ({found.code})")
        return replace(
            row,
            caption=self._fill(row, found.short),
            caption_template=found.short,
            caption_detailed=self._fill(row, found.detailed),
            caption_source=source,
            captioners=(self.chat.model,),
        )

    def _fill(self, row: Composition, template: str) -> str:
        return fill_template(template, row.concepts, self._names(row)).text

    def _names(self, row: Composition) -> list[str]:
        return [self.classes[key] for key in row.cast]
