"""Captions that know which of their tokens speak of which toy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from actors.micro.diffusion.text_encoders import LENGTH
from engine.toybox.captions import PHOTO, with_article
from engine.toybox.concepts import ToyConcept

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

NOBODY = -1  # what a piece speaks of that speaks of no toy
BEGUN_WITH_PHOTO = 0.7  # share of the captions
DESCRIBED = 0.22  # share of the captions with colours and patterns
SCENE_ONLY = 0.03  # share of the captions, where there is a scene

CaptionPieces = Sequence[tuple[str, int]]
"""Parts of a caption and the number of the toy that each speaks of, or `NOBODY`."""


def caption_pieces(names: Sequence[tuple[str, int]], phrase: str, draw: np.random.Generator) -> list[tuple[str, int]]:
    """As in "a photo of a mug, a ball and a star on the moon", in parts.

    Args:
        names: of the toys in the order in which they are told, without articles, and their numbers.
        phrase: of the scene; empty for none.
        draw: the dice.
    """
    if phrase and draw.random() < SCENE_ONLY:
        return [("a photo", NOBODY), (phrase, NOBODY)]
    pieces = [(PHOTO, NOBODY)] if draw.random() < BEGUN_WITH_PHOTO else []
    for turn, (name, number) in enumerate(names):
        if turn:
            pieces.append(("and" if turn == len(names) - 1 else ",", NOBODY))
        article, rest = with_article(name).split(" ", 1)
        pieces += [(article, NOBODY), (rest, number)]
    return [*pieces, (phrase, NOBODY)] if phrase else pieces


def toy_names(toys: Sequence[ToyConcept], draw: np.random.Generator) -> list[str]:
    """The toys by their classes; at times with colours, which take less room the more toys there are."""
    if draw.random() >= DESCRIBED:
        return [toy.class_name for toy in toys]
    if len(toys) > 2:
        return [f"{toy.colors[0]} {toy.class_name}" for toy in toys]
    return [toy.description for toy in toys]


def caption_text(pieces: CaptionPieces) -> str:
    """The caption as one text."""
    return " ".join(text for text, _ in pieces).replace(" ,", ",")


@final
@dataclass(frozen=True, slots=True)
class OwnedTokens:
    """A caption as the text encoders read it.

    Attributes:
        tokens: i64, 40 token numbers.
        owners: f32 Kx40, 1 where a token speaks of the toy, or else 0.
    """

    tokens: NDArray[np.int64]
    owners: NDArray[np.float32]


@final
class CaptionReader:
    """Tokens of captions, piece by piece; every piece is looked up once."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        self._call: Any = tokenizer
        self._begin, self._end = int(self._call.bos_token_id), int(self._call.eos_token_id)
        self._pad = int(self._call.pad_token_id)
        self._known: dict[str, list[int]] = {}

    def read(self, pieces: CaptionPieces, toys: int) -> OwnedTokens:
        """The caption, padded and cut to 40 tokens as the pipelines do, and whose words they are of `toys`."""
        numbers, owners = [self._begin], [NOBODY]
        for text, owner in pieces:
            found = self._piece(text)
            numbers += found
            owners += [owner] * len(found)
        numbers, owners = [*numbers[: LENGTH - 1], self._end], [*owners[: LENGTH - 1], NOBODY]
        tokens = np.full(LENGTH, self._pad, np.int64)
        tokens[: len(numbers)] = numbers
        whose = np.zeros((toys, LENGTH), np.float32)
        for place, owner in enumerate(owners):
            if owner != NOBODY:
                whose[owner, place] = 1
        return OwnedTokens(tokens, whose)

    def _piece(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = list(self._call(text, add_special_tokens=False).input_ids) if text else []
        return self._known[text]
