"""YAML as a person wrote it: the values, and the line or option that each came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from engine.errors import UsageError

MAX_CHARACTERS = 64 * 1024
MAX_DEPTH = 32  # of lists and mappings; 100,000 open brackets would keep the scanner busy for six minutes
NOT_YAML = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What the parser raises for broken text: ``!!int ""`` is an IndexError, ``!!bool x`` a KeyError."""

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

    def with_override(self, path: Path, option: str) -> Origins:
        """What stands at `path`, and the keys above it that were not written before, come from `option`."""
        kept = {place: text for place, text in self.places.items() if place[: len(path)] != path}
        made = {path[:length]: option for length in range(1, len(path) + 1)}
        return Origins(self.document, {**made, **kept})


def read_yaml(text: str, document: str) -> tuple[dict[str, Any], Origins]:
    """The mapping that `text` holds, and where its keys stand.

    Raises:
        UsageError: RECIPE_YAML (not YAML, too long, an alias), RECIPE_KEY (a key written twice).
    """
    if len(text) > MAX_CHARACTERS:
        raise UsageError("RECIPE_YAML", f"longer than {MAX_CHARACTERS:,} characters", where=document)
    try:
        _refuse_tangles(text, document)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = yaml.safe_load(text)
    except NOT_YAML as error:
        raise UsageError("RECIPE_YAML", "not YAML", where=document, why=str(error).replace("\n", " ")) from error
    if not isinstance(tree, dict):
        raise UsageError("RECIPE_YAML", "a recipe is a mapping of keys", where=document, fix="see `mycanvas init`")
    places: dict[Path, str] = {}
    _mark(root, (), document, places)
    return tree, Origins(document, places)


def override(tree: dict[str, Any], item: str, origins: Origins, *, places: Mapping[str, Path]) -> Origins:
    """Put one ``a.b=value`` into `tree`; a path whose first part is in `places` goes below the place that stands there.

    Raises:
        UsageError: RECIPE_SET, RECIPE_YAML.
    """
    key, equals, text = item.partition("=")
    path: Path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise UsageError("RECIPE_SET", f"{item!r} is not key=value", where="--set", fix="--set inpaint.steps=30")
    if len(path) > 1 and path[0] in places:
        path = (*places[path[0]], *path)
    node = tree
    for part in path[:-1]:
        child = node.setdefault(part, {})
        if child is None:
            child = node[part] = {}
        if not isinstance(child, dict):
            raise UsageError("RECIPE_SET", f"{part!r} holds no keys", where=f"--set {item}")
        node = child
    try:
        _refuse_tangles(text, f"--set {item}")
        node[path[-1]] = yaml.safe_load(text)
    except NOT_YAML as error:
        raise UsageError("RECIPE_YAML", "the value is not YAML", where=f"--set {item}", why=str(error)) from error
    return origins.with_override(path, f"--set {item}")


def _refuse_tangles(text: str, document: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise UsageError("RECIPE_YAML", "aliases are not allowed", where=document, fix="write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise UsageError("RECIPE_YAML", f"nested deeper than {MAX_DEPTH}", where=document)


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
