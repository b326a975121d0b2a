"""The commands about backgrounds: index, generate."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from jobs.cli.options import Address, Output, group
from jobs.console import Console

commands = group()
backgrounds = group("Make photos of places findable by phrases, or generate some.")
commands.add_typer(backgrounds, name="backgrounds")


@backgrounds.command("index")
def backgrounds_index(
    folder: Annotated[str, typer.Argument(help="folder or s3:// prefix of photos", metavar="DIR")],
    model: Annotated[str, typer.Option(help="CLIP: name, hub id, folder, or shipped:micro/scorer")] = "ViT-B-32",
    pretrained: Annotated[str, typer.Option(help="tag of its weights, where the name has several")] = "openai",
    revision: Annotated[str, typer.Option(help="commit of its weights on the hub")] = "",
    backend: Annotated[str, typer.Option(help="open_clip or siglip")] = "open_clip",
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Write down what a CLIP model makes of each photo, so that scene.phrases can find the ones that fit.

    Example: mycanvas backgrounds index places/ --model shipped:micro/scorer --pretrained ""
    """
    from actors.score.scorers import ClipSpec
    from jobs.compose.backgrounds.index import index

    console = Console(output)
    clip = ClipSpec(backend=backend, model=model, pretrained=pretrained, revision=revision)
    made = index(folder, clip, console, address)
    for line in made.unreadable:
        console.say(f"left out  {line}")
    console.result(
        {"photos": made.photos, "unreadable": list(made.unreadable), "model": made.model},
        [
            f"{made.photos:,} photos indexed, {len(made.unreadable)} left out",
            f"next: --backgrounds {quote(folder)}",
        ],
    )


@backgrounds.command("generate")
def backgrounds_generate(
    phrases: Annotated[Path, typer.Argument(help="text file, a phrase a line: on a sandy beach", metavar="PHRASES")],
    out: Annotated[Path, typer.Option(help="folder of the pictures")],
    each: Annotated[int, typer.Option(min=1, max=100, help="pictures of each phrase")] = 4,
    size: Annotated[int, typer.Option(min=64, help="pixels, the side of a picture")] = 1024,
    seed: Annotated[int, typer.Option(min=0, help="of what is drawn")] = 0,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="model, revision, steps, guidance, prompt_template, …")
    ] = None,
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Paint places that nobody has photographed, as a folder for --backgrounds; licence and model are noted with each.

    Example: mycanvas backgrounds generate phrases.txt --out places/ --set model=shipped:micro/generator
    """
    from actors.compose.generate import Generation
    from engine.run.recipe_parse import spec_from_overrides
    from jobs.compose.backgrounds.generate import generate, read_phrases

    spec = spec_from_overrides(Generation, override or [], see="docs/recipes.md")
    console = Console(output)
    made = generate(read_phrases(phrases), out, spec, each=each, size=size, seed=seed, console=console, address=address)
    console.result({"pictures": len(made), "out": str(out)}, [f"{len(made):,} pictures in {out}"])
