"""YAML as a person wrote it: the values, and the line or option that each came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from engine.errors import UsageError

MAX_CHARACTERS = 256 * 1024

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origins:
    """Where each key was written."""

    document: str
    places: Mapping[Path, str]

    def of(self, path: Path) -> str:
        """The place of the nearest enclosing key."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return self.document


def read_yaml(text: str, document: str) -> tuple[dict[str, Any], Origins]:
    """The mapping that `text` holds, and where its keys stand.

    Raises:
        UsageError: RECIPE_YAML (not YAML, too long, an alias), RECIPE_KEY (a key written twice).
    """
    if len(text) > MAX_CHARACTERS:
        raise UsageError("RECIPE_YAML", f"longer than {MAX_CHARACTERS:,} characters", where=document)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise UsageError("RECIPE_YAML", "aliases are not allowed", where=document, fix="write the value out")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError("RECIPE_YAML", "not YAML", where=document, why=str(error).replace("\n", " ")) from error
    if not isinstance(tree, dict):
        raise UsageError("RECIPE_YAML", "a recipe is a mapping of keys", where=document, fix="see `mycanvas init`")
    places: dict[Path, str] = {}
    _mark(root, (), document, places)
    return tree, Origins(document, places)


def override(tree: dict[str, Any], item: str, origins: Origins, *, stage_names: Sequence[str]) -> Origins:
    """Put one ``a.b=value`` into `tree`; a path that begins with a stage's name goes below ``stages``.

    Raises:
        UsageError: RECIPE_SET, RECIPE_YAML.
    """
    key, equals, text = item.partition("=")
    path: Path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise UsageError("RECIPE_SET", f"{item!r} is not key=value", where="--set", fix="--set inpaint.steps=30")
    if len(path) > 1 and path[0] in stage_names:
        path = ("stages", *path)
    node = tree
    for part in path[:-1]:
        child = node.setdefault(part, {})
        if child is None:
            child = node[part] = {}
        if not isinstance(child, dict):
            raise UsageError("RECIPE_SET", f"{part!r} holds no keys", where=f"--set {item}")
        node = child
    try:
        node[path[-1]] = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError("RECIPE_YAML", "the value is not YAML", where=f"--set {item}", why=str(error)) from error
    return Origins(origins.document, {**origins.places, path: f"--set {item}"})


def _mark(node: yaml.Node | None, path: Path, document: str, places: dict[Path, str]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place, line = (*path, str(key.value)), f"{document}:{key.start_mark.line + 1}"
            if place in places:
                raise UsageError("RECIPE_KEY", f"{'.'.join(place)!r} is written twice", where=line)
            places[place] = line
            _mark(value, place, document, places)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            place = (*path, str(number))
            places[place] = f"{document}:{value.start_mark.line + 1}"
            _mark(value, place, document, places)
