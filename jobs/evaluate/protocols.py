"""Protocols by name or by file, as trainings are."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from actors.evaluate.protocol import Protocol
from engine.errors import UsageError
from engine.run.recipe_parse import validate_spec
from engine.run.recipe_yaml import override, read_yaml
from engine.text_file import read_text_file

FOLDER = Path(__file__).parents[2] / "recipes" / "evaluate"


@dataclass(frozen=True, slots=True)
class NamedProtocol:
    """A protocol, what it is called, and what a person is told of it."""

    name: str
    description: str
    spec: Protocol


def built_in() -> dict[str, Path]:
    """The protocols that come with the engine."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def load(name: str, overrides: tuple[str, ...] = ()) -> NamedProtocol:
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
