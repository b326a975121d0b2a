"""The models that are compared: artifacts and bases by the names under which a table has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.models.weights import is_local
from actors.personalize.manifest import concepts_of
from engine.errors import UsageError
from jobs.evaluate.summary import CEILING
from jobs.train.sample import read_model
from planners.evaluate.questions import DrawQuestion, prompt_of
from planners.train.prompts import ConceptWords, PromptStrategies

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_. -]{0,40})=(.+)")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Contestant:
    """One model.

    Attributes:
        name: of its row in the table; several models may share one, such as one for each concept.
        model: URI of an artifact, or a base.
        manifest: of an artifact; empty for a base.
        number: of it among all, from 1.
    """

    name: str
    model: str
    manifest: Mapping[str, Any] = field(default_factory=dict)
    number: int = 1

    @property
    def words(self) -> Mapping[str, ConceptWords]:
        """What an artifact was taught, by concept."""
        return {each.concept: each for each in concepts_of(dict(self.manifest))} if self.manifest else {}

    @property
    def folder(self) -> str:
        """Of its pictures."""
        return f"{self.number:02d}-{_UNSAFE.sub('-', self.name)}"

    def prompt(self, question: DrawQuestion) -> str:
        """How it is asked."""
        if not self.manifest:
            return question.caption
        how = PromptStrategies(**self.manifest["spec"].get("prompts", {}))
        return prompt_of(question, self.words, how)


def read_contestants(given: Sequence[str]) -> list[Contestant]:
    """``NAME=MODEL``, or a model that is called by its last name; several may share a name that is given.

    Raises:
        EnvironmentProblem: ARTIFACT_DAMAGED.
        UsageError: EVALUATE_MODELS where no artifact is among them, or one is called as the row of photos is.
    """
    made = list(_read(given))
    if taken := [each for each in made if each.name == CEILING]:
        what, fix = f"a model may not be called {CEILING!r}", "that is the row of photos; another name before the ="
        raise UsageError("EVALUATE_MODELS", what, where=taken[0].model, fix=fix)
    plain = [each for each, text in zip(made, given, strict=True) if not _NAME.fullmatch(text)]
    for each in plain:
        if sum(other.name == each.name for other in made) > 1:
            what, fix = f"two models are called {each.name!r}", "name them: first=MODEL second=MODEL"
            raise UsageError("EVALUATE_MODELS", what, where=each.model, fix=fix)
    for each in made:
        if not each.manifest and not is_local(each.model) and not _HUB_ID.fullmatch(each.model):
            what, fix = "is no artifact, no folder and no hub id", "look for a misspelt path"
            raise UsageError("EVALUATE_MODELS", what, where=each.model, fix=fix)
    if not any(each.manifest for each in made):
        raise UsageError(
            "EVALUATE_MODELS",
            "there is no artifact among the models",
            where=", ".join(given),
            fix="give what `mycanvas train` made; a base alone was taught nothing that could be asked for",
        )
    return made


def _read(given: Sequence[str]) -> Iterator[Contestant]:
    for number, text in enumerate(given, 1):
        named = _NAME.fullmatch(text)
        name, model = (named[1].strip(), named[2]) if named else (text.rstrip("/").rpartition("/")[2], text)
        yield Contestant(name, model, read_model(model), number)


def classes_of(contestants: Sequence[Contestant]) -> dict[str, str]:
    """The class of every concept that some model was taught.

    Raises:
        UsageError: EVALUATE_CLASSES where two models call one concept by two classes, or one by none.
    """
    known: dict[str, str] = {}
    for contestant in contestants:
        for concept, words in contestant.words.items():
            if not words.class_name:
                what, fix = f"it is not known what {concept!r} is", "import it again with --class"
                raise UsageError("EVALUATE_CLASSES", what, where=contestant.model, fix=fix)
            if known.setdefault(concept, words.class_name) != words.class_name:
                raise UsageError(
                    "EVALUATE_CLASSES",
                    f"{concept!r} is a {known[concept]} in one model and a {words.class_name} in another",
                    where=contestant.model,
                    fix="train both from photos or rows that call it the same",
                )
    return known
