"""Protocols by name or by file, as trainings are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import yaml

from actors.evaluate.protocol import Protocol
from engine.errors import UsageError
from engine.run.recipe_parse import validate_spec
from engine.run.recipe_yaml import override, read_yaml
from engine.run.stage import Spec
from engine.text_file import read_text_file
from jobs.compose import recipes

FOLDER = Path(__file__).parents[2] / "recipes" / "evaluate"


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
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def is_protocol(name: str) -> bool:
    """Whether a name or a file means a protocol; where a recipe is called so too, the recipe is meant."""
    if name in built_in():
        return name not in recipes.built_in()
    try:
        lines = read_text_file(Path(name)).splitlines()
    except (OSError, ValueError):
        return False
    return any(line.startswith("measures:") for line in lines)


def show(named: NamedProtocol) -> str:
    """The protocol as YAML with every default written out."""
    tree = {"description": named.description, **named.spec.model_dump(mode="json")}
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def load(name: str, overrides: Sequence[str] = ()) -> NamedProtocol:
    """A checked protocol.

    Raises:
        UsageError: PROTOCOL_MISSING, BACKEND_UNKNOWN, RECIPE_YAML, RECIPE_SET, RECIPE_KEY, RECIPE_VALUE.
    """
    known = built_in()
    path = known.get(name, Path(name))
    try:
        text = read_text_file(path)
    except (OSError, ValueError) as error:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        fix = f"{hint}built in: {', '.join(known)}; or the path of a YAML file"
        raise UsageError("PROTOCOL_MISSING", f"there is no protocol {name!r}", why=str(error), fix=fix) from error
    tree, origins = read_yaml(text, path.name if name in known else name)
    for item in overrides:
        origins = override(tree, item, origins, places={})
    described = str(tree.pop("description", ""))
    return NamedProtocol(path.stem, described, validate_spec(Protocol, tree, (), origins, "docs/evaluate.md"))
