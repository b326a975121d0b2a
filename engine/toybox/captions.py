"""What a Toybox picture shows, in words: in full, as the engine's pipeline would put it, or as people ask for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PHOTO = "a photo of"


def full_caption(toys: Sequence[str], phrase: str) -> str:
    """As in "a photo of a red mug, an orange ball and a star on the moon".

    Args:
        toys: without articles.
        phrase: of the scene, as in `SCENES`.
    """
    return f"{PHOTO} {_join_things([with_article(toy) for toy in toys])} {phrase}"


def random_caption(classes: Sequence[str], described: Sequence[str], phrase: str, draw: np.random.Generator) -> str:
    """A caption of a random kind, from a bare class name to all that is known.

    Short ones are frequent: a model that never read "a mug" does not know what to make of it.

    Args:
        classes: of the toys.
        described: the toys with their colours and patterns.
        phrase: of the scene.
        draw: the dice.
    """
    kind = draw.random()
    if kind < 0.12:
        return str(draw.choice([f"a realistic photo {phrase}", f"a photo {phrase}", phrase]))
    order = draw.permutation(len(classes))
    named = [(described if draw.random() < 0.6 else classes)[index] for index in order]
    if kind < 0.3 and len(classes) == 1:
        return str(draw.choice([f"{PHOTO} {with_article(classes[0])}", with_article(classes[0]), classes[0]]))
    if kind < 0.42:
        return f"{PHOTO if draw.random() < 0.6 else ''} {_join_things([with_article(name) for name in named])}".strip()
    if kind < 0.52:
        return f"{_join_things([with_article(name) for name in named])} {phrase}"
    if kind < 0.74:
        return full_caption(list(classes), phrase)
    return full_caption([described[index] for index in order] if kind < 0.86 else list(described), phrase)


def with_article(toy: str) -> str:
    """The toy with "a" or "an" before it."""
    return f"{'an' if toy[0] in 'aeio' or toy.startswith('hour') else 'a'} {toy}"


def _join_things(things: Sequence[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"
