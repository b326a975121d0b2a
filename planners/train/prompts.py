"""The words of a training row: modifier tokens before class words, and the prompt strategies of Gen4Gen (section 3.4).

A modifier token is a new word, such as ``<new1>``, whose embedding is trained (Custom Diffusion, Kumari et al. 2023).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from engine.errors import SampleError, UsageError
from engine.run.stage import Spec
from planners.compose.captions import slots, thing

COMPOSITION_TOKEN = "<composition>"  # noqa: S105  a word
MOST_CONCEPTS = 10
_TOKEN = re.compile(r"<[^<>\s]{1,32}> ?")
_PLACE = re.compile(r"\{([^{}]{1,80})\}")
RARE_WORDS = ("ktn", "pll", "ucd", "mpk", "fdk", "bnh", "vtx", "sks", "zwx", "qtp")
"""What new tokens start from: words of one token each in CLIP's vocabulary that mean next to nothing."""


class PromptStrategies(Spec):
    """How the paper's authors word training prompts, each a switch."""

    composition_token: bool = Field(default=False, description="one more token, for the arrangement of all objects")
    repeat_concepts: bool = Field(default=False, description="name every concept again at the end")
    state_background: bool = Field(default=False, description="add the background where a caption does not have it")


@dataclass(frozen=True, slots=True)
class ConceptWords:
    """One concept in prompts: ``<new1> dog``.

    Attributes:
        concept: the user's name of it.
        class_name: what it is.
        token: the modifier token.
        initializer: a word whose embedding the token starts from.
    """

    concept: str
    class_name: str
    token: str
    initializer: str

    @property
    def phrase(self) -> str:
        """Token and class."""
        return f"{self.token} {self.class_name}".strip()


def name_concepts(classes: Mapping[str, str]) -> tuple[ConceptWords, ...]:
    """Tokens for concepts, given with their classes, in the order of their names.

    Raises:
        UsageError: TRAIN_CONCEPTS for none, or more than `MOST_CONCEPTS`.
    """
    if not 1 <= len(classes) <= MOST_CONCEPTS:
        raise UsageError(
            "TRAIN_CONCEPTS",
            f"{len(classes)} concepts; together 1 to {MOST_CONCEPTS} are trained",
            fix="choose some with `mycanvas filter`, or train each alone: --concepts each",
        )
    words = zip(sorted(classes.items()), RARE_WORDS, strict=False)
    return tuple(
        ConceptWords(concept, kind, f"<new{number}>", rare) for number, ((concept, kind), rare) in enumerate(words, 1)
    )


def photo_prompt(words: ConceptWords, seen: str = "") -> str:
    """The prompt of a photo of one concept; `seen` is how, such as "very small"."""
    return f"{seen} photo of a {words.phrase}".lstrip()


def class_prompt(words: ConceptWords) -> str:
    """The prompt of a photo for prior preservation: the class without the token."""
    return prompt_of_class(words.class_name)


def prompt_of_class(class_name: str) -> str:
    """The prompt of any picture of a class."""
    return f"photo of {thing(class_name)}"


def require_places(template: str, objects: int) -> Sequence[str]:
    """The places that a caption template has for its objects, each once.

    Raises:
        SampleError: TRAIN_CAPTION where the template lacks an object or names one that the row has not.
    """
    places = slots(objects)
    lacking = [place for place in places if template.count(place) != 1]
    if lacking or template.count("{obj_") != len(places):
        what = f"has no place for {', '.join(lacking)}" if lacking else "names more objects than the row has"
        raise SampleError(
            "TRAIN_CAPTION",
            f"the caption {what}",
            where=template[:120],
            fix="use rows that this engine captioned, or `filter` them out",
        )
    return places


def composed_prompt(
    template: str,
    objects: Sequence[tuple[str, str]],
    background: str,
    words: Mapping[str, ConceptWords],
    how: PromptStrategies,
) -> str:
    """The prompt of a composed row.

    Args:
        template: the row's `caption_template`, which has ``{obj_1}``, ``{obj_2}``, … for its objects.
        objects: concept and class of each, in that order.
        background: the row's `background_prompt`.
        words: by concept; an object whose concept is not taught is called by its class.
        how: which strategies.

    Raises:
        SampleError: TRAIN_CAPTION where the template lacks an object or names one that the row has not.
    """
    places = require_places(template, len(objects))
    text = template
    for place, (concept, kind) in zip(places, objects, strict=True):
        text = text.replace(place, f"a {words[concept].phrase}" if concept in words else thing(kind))
    if how.state_background and background and background.lower() not in text.lower():
        text = f"{text} {background}"
    if how.repeat_concepts:
        text = ", ".join([text, *(words[concept].phrase for concept, _ in objects if concept in words)])
    return f"{COMPOSITION_TOKEN} {text}" if how.composition_token else text


def fill_prompt(text: str, words: Sequence[ConceptWords]) -> str:
    """A prompt whose ``{concept}`` became ``<new1> class``.

    Raises:
        UsageError: PROMPT_CONCEPT for one that is not among `words`.
    """
    known = {each.concept: each.phrase for each in words}

    def phrase(place: re.Match[str]) -> str:
        if place[1] not in known:
            there = f"there are: {', '.join(f'{{{name}}}' for name in known)}" if known else "a base knows no concepts"
            fix = f"{there}; or write the words themselves"
            raise UsageError("PROMPT_CONCEPT", f"there is no concept {place[1]!r}", where=text[:120], fix=fix)
        return known[place[1]]

    return _PLACE.sub(phrase, text)


def without_tokens(prompt: str) -> str:
    """A prompt as a model reads it that knows no tokens: ``<new1> dog`` becomes ``dog``."""
    return _TOKEN.sub("", prompt).strip()


def named_in(prompt: str, words: Sequence[ConceptWords]) -> tuple[str, ...]:
    """The concepts whose tokens a prompt has, in its order."""
    places = {each.concept: prompt.find(each.token) for each in words}
    return tuple(sorted((concept for concept, place in places.items() if place >= 0), key=lambda name: places[name]))
