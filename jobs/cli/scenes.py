"""The command about scenes: propose."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from jobs.cli.options import Address, Output, Overrides, RecipeName, group
from jobs.console import Console

commands = group()
scenes = group("Let a language model say where things could be, and with what.")
commands.add_typer(scenes, name="scenes")


@scenes.command("propose")
def scenes_propose(
    recipe: RecipeName,
    library: Annotated[str, typer.Option(help="library of cut-outs, as `segment` makes it")],
    out: Annotated[Path, typer.Option(help="recipe to write, with the proposals in it")],
    phrases: Annotated[int, typer.Option(min=1, help="places in all")] = 48,
    override: Overrides = None,
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Write a recipe with places for a library's concepts and with groups that belong together.

    The sizes of classes that the engine does not know are asked for too, and written into the library.

    Example: mycanvas scenes propose modern --library out/mine/library --out mine.yaml
    """
    from jobs.compose.recipes import load
    from jobs.compose.scenes import propose

    console = Console(output)
    made = propose(load(recipe, override or []), library, out, count=phrases, console=console, address=address)
    console.result(
        {
            "phrases": list(made.phrases),
            "together": [list(group) for group in made.together],
            "metres": dict(made.metres),
            "unusable": made.unusable,
        },
        [
            *made.phrases,
            *(", ".join(group) for group in made.together),
            *(f"{name}: {metres:g} m" for name, metres in made.metres.items()),
            f"next: mycanvas backgrounds index DIR, then mycanvas compose {quote(str(out))} --backgrounds DIR …",
        ],
    )
