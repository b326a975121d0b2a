"""What every language model that lays out has in common, whatever runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from actors.layout import Layout, Planned, asked, settled, solved
from actors.weights import SAFE_FILES
from engine.errors import EnvironmentProblem, SampleError
from engine.library import CutoutInfo
from engine.records import Composition, Model
from planners.layout_prompt import LayoutRequest

FILES = (*SAFE_FILES, "*.jinja")  # newer models keep their chat template in a file of its own
Writer = Callable[[Sequence[LayoutRequest], Sequence[int]], Sequence[str | SampleError]]
"""Answers of a model to questions, each under a seed of its own, or why there is none."""


def plan_by_asking(
    spec: Layout, cutouts: Mapping[str, CutoutInfo], rows: Sequence[Composition], write: Writer, model: Model
) -> list[Planned | SampleError]:
    """One layout a row: all questions are asked at once, every answer is settled by itself; the solver's if none."""
    answers = write([asked(spec, cutouts, row) for row in rows], [row.seed for row in rows])
    return [
        solved(spec, cutouts, row, answer.code)
        if isinstance(answer, SampleError)
        else settled(spec, cutouts, row, answer, model)
        for row, answer in zip(rows, answers, strict=True)
    ]


def require_chat_template(tokenizer: Any, folder: Path) -> None:
    """Refuse a model that was not tuned to answer.

    Raises:
        EnvironmentProblem: CHAT_TEMPLATE.
    """
    if not tokenizer.chat_template:
        raise EnvironmentProblem(
            "CHAT_TEMPLATE",
            "the tokenizer has no chat template",
            where=str(folder),
            fix="take a model that was tuned to follow instructions",
        )
