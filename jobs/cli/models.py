"""The commands about models: list, pull, check."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.options import Extras, Output, Overrides, RecipeName, group
from jobs.console import Console

if TYPE_CHECKING:
    from jobs.models.models import Found, NamesModels

commands = group()
models = group("See, fetch and check the models that a recipe needs.")
commands.add_typer(models, name="models")


@models.command("list")
def models_list(
    recipe: Annotated[str, typer.Argument(help="name of a built-in recipe, or a YAML file; none: all built-in")] = "",
    extras: Extras = None,
    override: Overrides = None,
    output: Output = "auto",
) -> None:
    """Say which models a recipe needs: commit, licence, size, and where this machine has them.

    Example: mycanvas models list modern
    """
    from jobs.compose.recipes import built_in
    from jobs.models.models import list_models

    recipes = [_load(name, override, extras) for name in ([recipe] if recipe else built_in())]
    _show_models(Console(output), list(dict.fromkeys(found for each in recipes for found in list_models(each))))


@models.command("pull")
def models_pull(
    recipe: RecipeName,
    to: Annotated[str, typer.Option(help="folder or s3:// prefix that nodes read; none: this machine's cache")] = "",
    extras: Extras = None,
    override: Overrides = None,
    output: Output = "auto",
) -> None:
    """Fetch a recipe's models from the hub at their pinned commits, checked.

    With --to they are copied there with their hashes; nodes that have MYCANVAS_MODELS set to it ask no hub.

    Example: mycanvas models pull photo --with scores
    """
    from jobs.models.models import pull

    console = Console(output)
    _show_models(console, pull(_load(recipe, override, extras), to, console))


@models.command("dummy")
def models_dummy(
    recipe: RecipeName,
    to: Annotated[Path, typer.Option(help="folder to write into; MYCANVAS_MODELS is set to it afterwards")],
    extras: Extras = None,
    override: Overrides = None,
    output: Output = "auto",
) -> None:
    """Write a recipe's models at full size with random weights, to measure speed and memory with nothing to download.

    Rows made with them say `dummy` where the commit of a model stands.

    Example: mycanvas models dummy gen4gen --to dummies
    """
    from jobs.models.models import write_dummies

    console = Console(output)
    _show_models(console, write_dummies(_load(recipe, override, extras), to, console))


@models.command("check")
def models_check(
    recipe: RecipeName, extras: Extras = None, override: Overrides = None, output: Output = "auto"
) -> None:
    """Read a recipe's models where they are: hashes where MYCANVAS_MODELS says, file headers elsewhere.

    Example: mycanvas models check modern
    """
    from jobs.models.models import check

    found = list(check(_load(recipe, override, extras)))
    _show_models(Console(output), found)
    if any(each.problems for each in found):
        sys.exit(1)


def _show_models(console: Console, found: list[Found]) -> None:
    rows: list[dict[str, Any]] = [
        {
            "model": each.named.model,
            "revision": each.named.revision,
            "license": each.named.fact.license,
            "gigabytes": each.named.gigabytes,
            "place": each.place,
            "problems": list(each.problems),
        }
        for each in found
    ]
    lines = [f"{each.named}  {each.place or 'not here'}" for each in found]
    problems = [f"  {each.named.model}: {problem}" for each in found for problem in each.problems]
    console.result({"models": rows}, [*lines, *problems] or ["no models"])


def _load(name: str, override: list[str] | None, extras: list[str] | None) -> NamesModels:
    """A recipe, a training, or a protocol."""
    from jobs.compose.recipes import load
    from jobs.evaluate import protocols
    from jobs.train import trainings

    if trainings.is_training(name):
        return trainings.load(name, override or [])
    if protocols.is_protocol(name):
        return protocols.load(name, override or [])
    return load(name, override or [], extras or [])
