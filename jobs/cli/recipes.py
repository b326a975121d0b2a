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
    """Name the recipes that come with the engine.

    Example: mycanvas recipe list
    """
    from jobs.compose.recipes import built_in, load

    for name in built_in():
        typer.echo(f"{name:<12} {load(name).description}")


@recipe.command("show")
def recipe_show(
    recipe: Annotated[str, typer.Argument(help="name or file")], extras: Extras = None, override: Overrides = None
) -> None:
    """Print a recipe as it will run, every default written out, and its models with licence and size.

    Example: mycanvas recipe show classic --set unit_size=8
    """
    from jobs.compose.recipes import load, models, show

    loaded = load(recipe, override or [], extras or [])
    typer.echo(show(loaded) + "".join(f"# model  {line}\n" for line in models(loaded)), nl=False)


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
