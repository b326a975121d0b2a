"""Asks a language model where things could be, and which of them go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

from pydantic import Field

from actors.compose.layout import Layout
from engine.errors import SampleError
from engine.rows.proposals import SceneProposal
from engine.run.stage import Run, Stage, Worker
from planners.chat.scene_question import scene_question


@final
class ProposeScenes(Stage):
    """Ask the language model of a layout about groups of things."""

    name: ClassVar[str] = "propose"
    reads: ClassVar[tuple[str, ...]] = ("things",)
    writes: ClassVar[tuple[str, ...]] = ("answer", "models")

    layout: Layout = Field(description="whose language model is asked")
    phrases: int = Field(12, ge=1, description="places asked for in one question")

    def load(self, run: Run) -> Worker:
        """A worker that asks; a question without an answer fails alone.

        Raises:
            UsageError: those of `ChatSpec.chat`.
            EnvironmentProblem: those of `ChatSpec.chat`.
        """
        chat = self.layout.chat(run)
        assert chat is not None, "the job refuses a layout without a language model"

        def work(rows: Sequence[SceneProposal]) -> list[object]:
            questions = [scene_question(row.things, self.phrases) for row in rows]
            answers = chat.write(questions, [row.seed for row in rows])
            return [
                answer if isinstance(answer, SampleError) else replace(row, answer=answer, models=(chat.model,))
                for row, answer in zip(rows, answers, strict=True)
            ]

        return work
