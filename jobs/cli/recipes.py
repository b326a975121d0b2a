"""The commands about recipes: list, show, schema, and init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Extras, Overrides, group

commands = group()
recipe = group("List recipes, show one as it will run, print the schema.")
commands.add_typer(recipe, name="recipe")


@recipe.command("list")
def recipe_list() -> None:
    """Name the recipes, trainings and protocols that come with the engine.

    Example: mycanvas recipe list
    """
    from jobs.compose.recipes import built_in, load
    from jobs.evaluate import protocols
    from jobs.train import trainings

    for name in built_in():
        typer.echo(f"{name:<24} {load(name).description}")
    for name in trainings.built_in():
        typer.echo(f"{name:<24} trains: {trainings.load(name).description}")
    for name in protocols.built_in():
        typer.echo(f"{name:<24} compares: {protocols.load(name).description}")


@recipe.command("show")
def recipe_show(
    recipe: Annotated[str, typer.Argument(help="name or file")], extras: Extras = None, override: Overrides = None
) -> None:
    """Print a recipe, training or protocol as it will run, all defaults written out, and its models.

    Example: mycanvas recipe show classic --set unit_size=8
    """
    from jobs.compose.recipes import load, models, show
    from jobs.evaluate import protocols
    from jobs.train import trainings

    if trainings.is_training(recipe):
        training = trainings.load(recipe, override or [])
        text, named = trainings.show(training), models((training.spec,))
    elif protocols.is_protocol(recipe):
        protocol = protocols.load(recipe, override or [])
        text, named = protocols.show(protocol), models(protocol.stages)
    else:
        loaded = load(recipe, override or [], extras or [])
        text, named = show(loaded), models(loaded.stages)
    typer.echo(text + "".join(f"# model  {line}\n" for line in named), nl=False)


@recipe.command("schema")
def recipe_schema() -> None:
    """Print the JSON schema of recipe files, for editors.

    Example: mycanvas recipe schema > recipe.schema.json
    """
    import json

    from jobs.compose.recipes import schema

    typer.echo(json.dumps(schema(), indent=2))


@commands.command()
def init(
    path: Annotated[Path, typer.Argument(help="file to write", metavar="FILE")],
    force: Annotated[bool, typer.Option(help="overwrite")] = False,
) -> None:
    """Write a commented recipe of your own to start from.

    Example: mycanvas init mine.yaml
    """
    from jobs.compose.recipes import init as job

    job(path, force=force)
    typer.echo(f"{path}\nnext: mycanvas compose {path} --photos photos/ --samples 64 --out out/mine")
