"""The folder of a language model: what must be in it; and a question in the form of chats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.errors import EnvironmentProblem
from planners.chat.question import Question


def with_chat_template(folder: Path, *readers: Any) -> Any:
    """The first of a model's tokenizer and processor that has a chat template.

    Raises:
        EnvironmentProblem: CHAT_TEMPLATE where the model was not tuned to answer.
    """
    for reader in readers:
        if reader.chat_template:
            return reader
    raise EnvironmentProblem(
        "CHAT_TEMPLATE",
        "the tokenizer has no chat template",
        where=str(folder),
        fix="take a model that was tuned to follow instructions",
    )


def sees(folder: Path) -> bool:
    """Whether the model takes pictures, as its config.json says."""
    return "vision_config" in json.loads((folder / "config.json").read_bytes())


def content(question: Question) -> str | list[dict[str, str]]:
    """What the user says, as chat templates take it: a place for the picture, where there is one, and the words."""
    if question.image is None:
        return question.prompt
    return [{"type": "image"}, {"type": "text", "text": question.prompt}]
