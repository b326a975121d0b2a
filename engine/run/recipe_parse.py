"""Recipes and other specs from YAML. A wrong one dies here, with file, line and a suggestion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from engine.errors import UsageError
from engine.registry import Registry
from engine.run.phase import Phase
from engine.run.recipe import Recipe
from engine.run.recipe_yaml import Origins, Path, override, read_yaml
from engine.run.stage import Spec, Stage

UNKNOWN_KEY = "extra_forbidden"  # as pydantic calls it

S = TypeVar("S", bound=Spec)


def parse_recipe(
    text: str,
    *,
    where: str,
    stages: Registry[type[Stage]],
    overrides: Sequence[str] = (),
    extras: Sequence[str] = (),
) -> Recipe:
    """A recipe from YAML and ``--set a.b=value`` overrides.

    Args:
        text: the YAML document.
        where: file name for messages.
        stages: stage classes by name.
        overrides: ``key=value`` with a YAML value; a stage's key may begin with the stage's name.
        extras: names of the recipe's own, whose changes come before `overrides`.

    Raises:
        UsageError: RECIPE_YAML, RECIPE_SET, RECIPE_KEY, RECIPE_VALUE, each with line or option and a suggestion;
            PHASES_ORDER, POOLS_ORDER.
    """
    tree, origins = read_yaml(text, where)
    for item in (*_extra_changes(tree, extras, where), *overrides):
        origins = override(tree, item, origins, places=_stage_places(tree))
    phases = tuple(
        _parse_phase(str(name), value, origins, stages) for name, value in _mapping(tree, "phases", (), origins).items()
    )
    recipe = validate_spec(Recipe, {**tree, "phases": phases}, (), origins)
    recipe.check_phases()
    recipe.check_pools()
    return recipe


def _extra_changes(tree: Mapping[str, Any], names: Sequence[str], where: str) -> Iterator[str]:
    """The changes that a recipe keeps under these names.

    Raises:
        UsageError: RECIPE_EXTRA.
    """
    known = tree.get("extras")
    known = known if isinstance(known, dict) else {}
    for name in names:
        if name not in known or not isinstance(known[name], list):
            there = f"there are: {', '.join(map(str, known))}" if known else "this recipe has none"
            raise UsageError("RECIPE_EXTRA", f"there is no extra {name!r}", where=where, fix=there)
        yield from map(str, known[name])


def _stage_places(tree: Mapping[str, Any]) -> dict[str, Path]:
    """Where each stage of a recipe stands, so that ``--set gate.max_seam=0.3`` finds it."""
    phases = tree.get("phases")
    found: dict[str, Path] = {}
    for phase, value in phases.items() if isinstance(phases, dict) else ():
        stages = value.get("stages") if isinstance(value, dict) else None
        found |= {str(name): ("phases", str(phase), "stages") for name in (stages if isinstance(stages, dict) else ())}
    return found


def _mapping(tree: Mapping[str, Any], key: str, path: Path, origins: Origins) -> dict[str, Any]:
    """A mapping that must be there.

    Raises:
        UsageError: RECIPE_KEY.
    """
    value = tree.get(key)
    if not isinstance(value, dict) or not value:
        where = origins.of((*path, key))
        raise UsageError("RECIPE_KEY", f"{key!r} is missing or no mapping", where=where, fix="see `mycanvas init`")
    return value


def _parse_phase(name: str, value: Any, origins: Origins, stages: Registry[type[Stage]]) -> Phase:
    path = ("phases", name)
    if not isinstance(value, dict):
        raise UsageError(
            "RECIPE_VALUE", f"phases.{name}: no mapping", where=origins.of(path), fix="see `mycanvas init`"
        )
    if "name" in value:
        where = origins.of((*path, "name"))
        raise UsageError("RECIPE_KEY", f"phases.{name} has its name already", where=where, fix="leave `name` out")
    listed = _mapping(value, "stages", path, origins)
    parsed = tuple(_stage(each, (*path, "stages", str(stage)), origins, stages) for stage, each in listed.items())
    return validate_spec(Phase, {**value, "name": name, "stages": parsed}, path, origins)


def _stage(value: Any, path: Path, origins: Origins, stages: Registry[type[Stage]]) -> Stage:
    if path[-1] not in stages:
        raise UsageError(
            "RECIPE_KEY",
            f"there is no stage {path[-1]!r}",
            where=origins.of(path),
            fix=_suggestion(path[-1], list(stages)),
        )
    return validate_spec(stages.resolve(path[-1]), {} if value is None else value, path, origins)


def validate_spec(kind: type[S], values: Any, path: Path, origins: Origins, see: str = "`mycanvas recipe schema`") -> S:
    """A spec from what a person wrote.

    Args:
        kind: of the spec.
        values: its keys.
        path: where they stand in the document.
        origins: what line that is.
        see: where values are described.

    Raises:
        UsageError: RECIPE_KEY, RECIPE_VALUE, with line and suggestion.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = sorted(error.errors(), key=lambda problem: problem["type"] != UNKNOWN_KEY)
        first = problems[0]  # a misspelt key before the field that it leaves out
        place = (*path, *(str(part) for part in first["loc"]))
        unknown = first["type"] == UNKNOWN_KEY
        raise UsageError(
            "RECIPE_KEY" if unknown else "RECIPE_VALUE",
            f"unknown key {'.'.join(place)!r}"
            if unknown
            else f"{'.'.join(place)}: {first['msg'].removeprefix('Value error, ')}",
            where=origins.of(place),
            fix=_suggestion(place[-1], _known_keys(kind, first["loc"])) if unknown else f"see {see}",
        ) from error


def spec_from_overrides(kind: type[S], overrides: Sequence[str], *, see: str) -> S:
    """A spec with its defaults, but for ``key=value`` items; values are YAML.

    Raises:
        UsageError: RECIPE_SET, RECIPE_YAML, RECIPE_KEY, RECIPE_VALUE.
    """
    tree: dict[str, Any] = {}
    origins = Origins("--set", {})
    for item in overrides:
        origins = override(tree, item, origins, places={})
    return validate_spec(kind, tree, (), origins, see)


def _known_keys(kind: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that may stand where `loc` ends: those of `kind`, or of a spec inside it."""
    for part in loc[:-1]:
        if isinstance(part, str) and part in kind.model_fields:
            kind = next(_specs(kind.model_fields[part].annotation), kind)
    return list(kind.model_fields)


def _specs(annotation: Any) -> Iterator[type[BaseModel]]:
    """The specs that a field may hold: itself, or inside a tuple or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _specs(inner)


def _suggestion(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known keys: {', '.join(known)}"
