"""A question to a language model: words, the form of the answer, and perhaps a picture."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from engine.rows.values import Pixels

LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent.

    Attributes:
        prompt: the user's message.
        schema: JSON schema of the answer, to constrain its decoding.
        image: HxWx3 uint8 that the prompt is about; None where it is about none.
    """

    prompt: str
    schema: dict[str, Any]
    image: Pixels | None = None


def spotlight(name: str) -> str:
    """A user's name as harmless data: letters, digits, spaces and hyphens, at most 64.

    Neither markup of chat templates nor control, bidirectional or zero-width characters survive.
    """
    text = unicodedata.normalize("NFKC", name)
    kept = "".join(c if unicodedata.category(c)[0] in "LNM" or c == "-" else " " for c in text)
    return " ".join(kept.split())[:LONGEST_NAME].strip()
