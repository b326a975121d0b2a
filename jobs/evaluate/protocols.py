"""Protocols by name or by file, as trainings are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from actors.evaluate.protocol import Protocol
from engine.run.recipe_parse import validate_spec
from engine.run.stage import Spec
from jobs.compose import recipes
from jobs.named_yaml import Shelf

SHELF = Shelf(Path(__file__).parents[2] / "recipes" / "evaluate", "protocol")


@dataclass(frozen=True, slots=True)
class NamedProtocol:
    """A protocol, what it is called, and what a person is told of it."""

    name: str
    description: str
    spec: Protocol

    @property
    def stages(self) -> tuple[Spec, ...]:
        """The specs that name models, as a recipe has them."""
        return (self.spec.measures, *([self.spec.judge] if self.spec.judge else []))

    @property
    def accept_licence(self) -> tuple[str, ...]:
        """Models whose restricted licence is accepted."""
        return self.spec.accept_licence


def built_in() -> dict[str, Path]:
    """The protocols that come with the engine."""
    return SHELF.built_in


def is_protocol(name: str) -> bool:
    """Whether a name or a file means a protocol; where a recipe is called so too, the recipe is meant."""
    return name not in recipes.built_in() if name in built_in() else SHELF.says(name, "measures")


def show(named: NamedProtocol) -> str:
    """The protocol as YAML with every default written out."""
    tree = {"description": named.description, **named.spec.model_dump(mode="json")}
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def load(name: str, overrides: Sequence[str] = ()) -> NamedProtocol:
    """A checked protocol.

    Raises:
        UsageError: PROTOCOL_MISSING, BACKEND_UNKNOWN, RECIPE_YAML, RECIPE_SET, RECIPE_KEY, RECIPE_VALUE.
    """
    tree, origins = SHELF.tree(name, overrides)
    described = str(tree.pop("description", ""))
    return NamedProtocol(Path(name).stem, described, validate_spec(Protocol, tree, (), origins, "docs/evaluate.md"))
