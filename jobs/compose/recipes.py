"""Recipes by name or by file: list them, show one as it will run, print the schema, start a file of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from actors.compose.stages import STAGES
from actors.models.licences import named_models
from engine.errors import UsageError
from engine.rows.kinds import RECORDS
from engine.rows.schema import column_names
from engine.run.phase import Phase
from engine.run.recipe import Recipe
from engine.run.recipe_parse import parse_recipe
from engine.run.sources import SOURCES, Origin
from engine.run.stage import Spec, check_pipeline
from engine.storage.extents import Extents
from jobs.named_yaml import Shelf

FOLDER = Path(__file__).parents[2] / "recipes"
COMMITTED = ("image", "status")  # what a row must have to be committed
SHELF = Shelf(FOLDER, "recipe", " (`mycanvas init FILE` writes one)")


def built_in() -> dict[str, Path]:
    """The recipes that come with the engine."""
    return SHELF.built_in


def read(name: str) -> tuple[str, str]:
    """The text of a built-in recipe or of a file, and what to call it in messages.

    Raises:
        UsageError: RECIPE_MISSING.
    """
    return SHELF.read(name)


def load(name: str, overrides: Sequence[str] = (), extras: Sequence[str] = ()) -> Recipe:
    """A checked recipe, whose stages fit together; `extras` are names of changes that it keeps.

    Raises:
        UsageError: RECIPE_MISSING, and as `engine.run.recipe.parse_recipe`, `check_pipeline`.
    """
    text, where = read(name)
    recipe = parse_recipe(text, where=where, stages=STAGES, overrides=overrides, extras=extras)
    for phase in recipe.ends():
        _check_phase(phase, where)
    return recipe


def _check_phase(phase: Phase, where: str) -> None:
    """Refuse stages that do not fit together, or that leave out what a row must have to be committed.

    Raises:
        UsageError: BACKEND_UNKNOWN for a record or a source, PIPELINE_ORDER, and as `check_pipeline`.
    """
    record: type[Any] = RECORDS.resolve(phase.record)
    columns = column_names(record, stored=False)
    source = SOURCES.resolve(phase.source)(Origin(record=record, extents=Extents(), seed=0, out=""))
    check_pipeline(phase.stages, source.planned, columns)
    for column in COMMITTED:
        if column in columns and column not in phase.columns():
            writers = [name for name in STAGES if column in STAGES.resolve(name).writes]
            raise UsageError(
                "PIPELINE_ORDER",
                f"the commit needs {column!r}, which no stage of {phase.name!r} writes",
                where=where,
                fix=f"add the stage that writes it: {' or '.join(writers) or 'one of your own'}",
            )


def show(recipe: Recipe) -> str:
    """The recipe as YAML with every default written out."""
    tree = {
        **recipe.model_dump(mode="json", exclude={"phases", "pools"}),
        "phases": {
            phase.name: {
                **phase.model_dump(mode="json", exclude={"name", "stages"}),
                "stages": {stage.name: stage.model_dump(mode="json") for stage in phase.stages},
            }
            for phase in recipe.phases
        },
        "pools": {name: pool.model_dump(mode="json") for name, pool in recipe.pools.items()},
    }
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def models(specs: Sequence[Spec]) -> list[str]:
    """A line for each model that stages or a training name: name, commit, licence, size."""
    return list(dict.fromkeys(str(each) for each in named_models(specs)))


def schema() -> dict[str, Any]:
    """JSON schema of a recipe file, for editors."""
    stages = {name: STAGES.resolve(name).model_json_schema() for name in STAGES}
    base = Recipe.model_json_schema()
    definitions = {key: value for key, value in base.pop("$defs", {}).items() if key != "Stage"}
    for stage in stages.values():
        definitions.update(stage.pop("$defs", {}))
    steps = {name: {"anyOf": [stage, {"type": "null"}]} for name, stage in stages.items()}
    phase = definitions["Phase"]
    del phase["properties"]["name"]
    phase["required"].remove("name")
    phase["properties"]["stages"] = {"type": "object", "properties": steps, "additionalProperties": False}
    base["properties"]["phases"] = {"type": "object", "additionalProperties": {"$ref": "#/$defs/Phase"}}
    return {**base, "$defs": definitions}


def init(path: Path, *, force: bool = False) -> None:
    """Write a commented recipe to start from.

    Raises:
        UsageError: FILE_EXISTS, FILE_UNWRITABLE.
    """
    if path.exists() and not force:
        raise UsageError("FILE_EXISTS", "is there already", where=str(path), fix="choose another name, or --force")
    text, _ = read("classic")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("name: classic", f"name: {_slug(path.stem)}", 1), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            "FILE_UNWRITABLE", "cannot be written", where=str(path), why=str(error), fix="choose another place"
        ) from error


def _slug(name: str) -> str:
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower()).strip("-")
    return kept[:64] or "mine"
