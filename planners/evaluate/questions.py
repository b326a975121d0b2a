"""The questions of a protocol: which concepts are asked for together, in which words, in front of what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

from engine.seeds import rng
from planners.compose.captions import caption, slots
from planners.train.prompts import COMPOSITION_TOKEN, ConceptWords, PromptStrategies

MOST_LISTED = 2_000  # casts that are written down before some are drawn: of 10 concepts there are 252 at most


@dataclass(frozen=True, slots=True)
class DrawQuestion:
    """One prompt about one cast.

    Attributes:
        cast: the concepts that are asked for, in order.
        template: the prompt with ``{obj_1}``, ``{obj_2}``, … for them.
        caption: the same in words that any model knows: what a CLIP model reads, and a base draws.
        background: the words without the concepts, such as "on a beach"; empty where a prompt has none.
        bare: whether the template has the articles itself, as those of benchmarks do.
    """

    cast: tuple[str, ...]
    template: str
    caption: str
    background: str = ""
    bare: bool = False

    @property
    def wording(self) -> str:
        """What questions about other casts have in common with this one."""
        return self.background or self.template


def choose_casts(concepts: Sequence[str], size: int, most: int, seed: int) -> list[tuple[str, ...]]:
    """Up to `most` sets of `size` concepts, all where there are no more, each concept about equally often.

    Args:
        concepts: that a model knows.
        size: of a set, at least 1.
        most: of them.
        seed: decides which.
    """
    known = sorted(concepts)
    if size > len(known):
        return []
    draw = rng(seed, "casts", str(size))
    if comb(len(known), size) <= MOST_LISTED:
        listed = list(combinations(known, size))
    else:
        drawn = {tuple(sorted(draw.choice(len(known), size, replace=False).tolist())) for _ in range(MOST_LISTED)}
        listed = [tuple(known[number] for number in each) for each in sorted(drawn)]
    left = [listed[number] for number in draw.permutation(len(listed))]
    used = dict.fromkeys(known, 0)
    chosen: list[tuple[str, ...]] = []
    while left and len(chosen) < most:
        rarest = min(left, key=lambda each: sum(used[concept] for concept in each))
        left.remove(rarest)
        chosen.append(rarest)
        for concept in rarest:
            used[concept] += 1
    return chosen


def ask_scenes(
    casts: Sequence[tuple[str, ...]], classes: Mapping[str, str], scenes: Sequence[str]
) -> Iterator[DrawQuestion]:
    """Every cast in front of every scene: "a photo of a cat and a teapot on the beach"."""
    for cast in casts:
        for scene in scenes:
            said = caption(cast, [classes[concept] for concept in cast], scene)
            yield DrawQuestion(cast, said.template, said.text, scene)


def ask_templates(
    cast: tuple[str, ...], classes: Mapping[str, str], templates: Sequence[str]
) -> Iterator[DrawQuestion]:
    """A cast in the words of a benchmark, which hold the articles."""
    for template in templates:
        text = template
        for place, concept in zip(slots(len(cast)), cast, strict=True):
            text = text.replace(place, classes[concept])
        yield DrawQuestion(cast, template, text, bare=True)


def prompt_of(question: DrawQuestion, words: Mapping[str, ConceptWords], how: PromptStrategies) -> str:
    """The prompt for a model that was taught the concepts, worded as its composed rows were."""
    text = question.template
    for place, concept in zip(slots(len(question.cast)), question.cast, strict=True):
        phrase = words[concept].phrase
        text = text.replace(place, phrase if question.bare else f"a {phrase}")
    if how.repeat_concepts:
        text = ", ".join([text, *(words[concept].phrase for concept in question.cast)])
    return f"{COMPOSITION_TOKEN} {text}" if how.composition_token else text
