"""The commands that make datasets: demo, toybox, segment, layout, compose."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.options import Address, Extras, Output, Overrides, RecipeName, Yes, group, may_pull
from jobs.console import Console

if TYPE_CHECKING:
    from engine.run.recipe import Recipe
    from jobs.run_loop import Budget, Tally

Failures = Annotated[str, typer.Option("--max-failures", help="stop when more rows fail: a share (1%) or a number")]
Photos = Annotated[str, typer.Option(help="<concept>/<image> or <ensemble>/<concept>/<image>")]
Samples = Annotated[int, typer.Option(min=1, help="how many; may grow when the command is run again")]
Backgrounds = Annotated[str, typer.Option(help="folder, own (your photos, emptied), drawn; none: the recipe's")]
Library = Annotated[str, typer.Option(help="library of cut-outs to use; none: OUT/library")]
Seed = Annotated[int | None, typer.Option(min=0, help="root seed; overrides the recipe's")]

commands = group()


@commands.command()
def demo(
    samples: Annotated[int, typer.Option("-n", min=1, help="how many compositions")] = 64,
    out: Annotated[Path, typer.Option("-o", help="folder for photos, shards and gallery")] = Path("mycanvas-demo"),
    output: Output = "auto",
) -> None:
    """Photograph made-up toys, compose them with the models that ship, and write a gallery.

    Example: mycanvas demo -n 64 -o mycanvas-demo
    """
    from jobs.compose import demo as job

    job.demo(samples, out, Console(output))


@commands.command()
def segment(
    photos: Photos,
    out: Annotated[str, typer.Option(help="folder or s3:// prefix of the library")],
    recipe: Annotated[str, typer.Option(help="name or file; its `segment` part is used")] = "classic",
    override: Overrides = None,
    address: Address = "local",
    yes: Yes = False,
    output: Output = "auto",
) -> None:
    """Cut every concept out of its photos into a library that compositions draw from.

    Example: mycanvas segment --photos photos/ --out library/
    """
    from jobs.compose.recipes import load
    from jobs.compose.segment import segment as job
    from jobs.models.models import pull_small_nets

    console, chosen = Console(output), load(recipe, override or [])
    pull_small_nets(chosen, may_pull(yes), console)
    tally = job(chosen, photos=photos, out=out, address=address, console=console)
    _report(console, tally, out, f"mycanvas gallery {quote(out)} -o library.html")


@commands.command()
def compose(
    recipe: RecipeName,
    samples: Samples,
    out: Annotated[str, typer.Option(help="folder or s3:// prefix of the dataset")],
    photos: Photos = "",
    backgrounds: Backgrounds = "",
    library: Library = "",
    layouts: Annotated[str, typer.Option(help="what `mycanvas layout` made; none: laid out here")] = "",
    seed: Seed = None,
    extras: Extras = None,
    override: Overrides = None,
    max_failures: Failures = "5%",
    address: Address = "local",
    yes: Yes = False,
    output: Output = "auto",
) -> None:
    """Make a dataset; the same command again resumes it.

    Example: mycanvas compose classic --photos photos/ --samples 1000 --out out/mine --set unit_size=8
    """
    from engine.photos.photo_log import read_left_out
    from engine.storage.open_store import open_store
    from jobs.compose.compose import compose as job
    from jobs.compose.request import ComposeRequest
    from jobs.compose.segment import say_left_out
    from jobs.models.models import pull_small_nets

    console = Console(output)
    request = ComposeRequest(
        recipe=_load_recipe(recipe, override, seed, extras), photos=photos, samples=samples, out=out, library=library,
        backgrounds=backgrounds, layouts=layouts, address=address, budget=_budget(max_failures),
    )  # fmt: skip
    pull_small_nets(request.recipe, may_pull(yes), console)
    tally = job(request, console)
    say_left_out(read_left_out(open_store(request.library_uri)), console)
    _say_checks(console, request.recipe)
    _report(console, tally, out, f"mycanvas gallery {quote(out)} -o gallery.html")


@commands.command()
def layout(
    recipe: RecipeName,
    samples: Samples,
    out: Annotated[str, typer.Option(help="folder or s3:// prefix of the layouts")],
    photos: Photos = "",
    backgrounds: Backgrounds = "",
    library: Library = "",
    seed: Seed = None,
    extras: Extras = None,
    override: Overrides = None,
    max_failures: Failures = "5%",
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Lay out first and paint later, so that a language model and a painter can have the same GPUs in turn.

    Example: mycanvas layout modern --photos photos/ --samples 1000 --out out/layouts --library out/library
    """
    from jobs.compose.layout import layout as job
    from jobs.compose.request import ComposeRequest

    console = Console(output)
    request = ComposeRequest(
        recipe=_load_recipe(recipe, override, seed, extras), photos=photos, samples=samples, out=out, library=library,
        backgrounds=backgrounds, address=address, budget=_budget(max_failures),
    )  # fmt: skip
    _report(console, job(request, console), out, f"mycanvas compose {recipe} --layouts {out} …")


@commands.command()
def toybox(
    out: Annotated[Path, typer.Option(help="folder for photos/ and truth/")],
    concepts: Annotated[int, typer.Option(min=1, help="how many toys")] = 40,
    photos: Annotated[int, typer.Option(min=1, help="of each")] = 6,
    size: Annotated[int, typer.Option(min=64, max=2048, help="side of a photo in pixels")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="another seed, other toys")] = 0,
    classes: Annotated[str, typer.Option(help="of the toys in turns, such as mug,mug,duck; none: all")] = "",
    held_out: Annotated[int, typer.Option(min=0, help="further photos of each, to measure models against")] = 0,
    output: Output = "auto",
) -> None:
    """Render photos of made-up toys to compose from, with the truth about them beside.

    Example: mycanvas toybox --concepts 40 --photos 6 --size 256 --seed 0 --out toys
    """
    from jobs.compose.toybox import toybox as job

    named = [name.strip() for name in classes.split(",") if name.strip()]
    job(concepts, photos, size, seed=seed, out=out, console=Console(output), classes=named, held_out=held_out)


def _load_recipe(recipe: str, override: list[str] | None, seed: int | None, extras: list[str] | None) -> Recipe:
    from jobs.compose.recipes import load

    return load(recipe, [*(override or []), *([f"seed={seed}"] if seed is not None else [])], extras or [])


def _budget(text: str) -> Budget:
    from jobs.run_loop import parse_budget

    return parse_budget(text)


def _say_checks(console: Console, recipe: Recipe) -> None:
    """What "accepted" means, and what nobody looked at."""
    from actors.compose.gate import Gate
    from planners.curate.gate import checks

    for gate in (stage for stage in recipe.stages if isinstance(stage, Gate)):
        asked, others = checks(gate)
        console.say(f"accepted by  {', '.join(asked) or 'nothing: every row is'}")
        if others:
            console.say(f"not asked    {', '.join(others)}")
    if recipe.extras:
        console.say(f"more by      {', '.join(f'--with {name}' for name in recipe.extras)}")


def _report(console: Console, tally: Tally, out: str, following: str) -> None:
    from dataclasses import asdict

    made = (
        f"{tally.rows:,} rows made: {tally.accepted:,} accepted, {tally.rejected:,} rejected, {tally.failed:,} failed"
    )
    if not tally.rows:
        made = "nothing to do: every row asked for is committed"
    console.result({"out": out, **asdict(tally)}, [made, f"  {quote(out)}", f"next: {following}"])
