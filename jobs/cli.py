"""The `mycanvas` command. Nothing heavy is imported until a command runs: `--help` answers in under 0.4 s."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import EXIT_INTERRUPTED, MyCanvasError
from jobs import cli_cluster, cli_curate
from jobs.cli_backgrounds import backgrounds as backgrounds_app
from jobs.cli_models import models
from jobs.cli_options import Output, Overrides, RecipeName
from jobs.cli_scenes import scenes
from jobs.console import Console

if TYPE_CHECKING:
    from engine.recipe import Recipe
    from jobs.run import Budget, Tally

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # drawing the help with rich takes 0.42 s, without 0.13 s
    pretty_exceptions_enable=False,
    help="Compose concept photos into training images: captioned, scored, committed shards, on one machine or many.",
)
recipes = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List recipes, show one as it will run, print the schema."
)
app.add_typer(recipes, name="recipe")
micro = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Train and measure the small models that ship with the engine."
)
app.add_typer(micro, name="micro")
app.add_typer(models, name="models")
app.add_typer(scenes, name="scenes")
app.add_typer(cli_curate.gate, name="gate")
app.add_typer(backgrounds_app, name="backgrounds")

Address = Annotated[str, typer.Option(help="local, auto, or a Ray address")]
Failures = Annotated[str, typer.Option("--max-failures", help="stop when more rows fail: a share (1%) or a number")]
Parts = Annotated[str, typer.Option(help="comma-separated, such as scorer,detector; none: all")]
Toysets = Annotated[Path, typer.Option(help="folder of the rendered Toybox sets; made where missing")]
Photos = Annotated[str, typer.Option(help="<concept>/<image> or <scene>/<concept>/<image>")]
Samples = Annotated[int, typer.Option(min=1, help="how many; may grow when the command is run again")]
Backgrounds = Annotated[str, typer.Option(help="folder of background photos; none: procedural scenes")]
Library = Annotated[str, typer.Option(help="library of cut-outs to use; none: OUT/library")]
Seed = Annotated[int | None, typer.Option(min=0, help="root seed; overrides the recipe's")]
Dataset = Annotated[str, typer.Argument(help="the --out of a compose or segment run", metavar="OUT")]
MICRO_WEIGHTS, MICRO_REPORT = Path("weights/micro"), Path("docs/micro.md")
TOYSETS, MICRO_WORK = Path("toysets"), Path("out/micro")


def main() -> None:
    """Run a command; end with the exit code that its outcome has."""
    try:
        interrupted = app(standalone_mode=False) == EXIT_INTERRUPTED  # what the library makes of KeyboardInterrupt
    except MyCanvasError as error:
        Console("human").say(str(error))
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        interrupted = True
    except Exception as error:
        show = getattr(error, "show", None)  # the usage errors of the command line library print themselves
        if show is None:
            raise
        show()
        sys.exit(2)
    if interrupted:
        Console("human").say("interrupted; the same command goes on where it stopped")
        sys.exit(EXIT_INTERRUPTED)


@app.command()
def demo(
    samples: Annotated[int, typer.Option("-n", min=1, help="how many compositions")] = 64,
    out: Annotated[Path, typer.Option("-o", help="folder for photos, shards and gallery")] = Path("mycanvas-demo"),
    output: Output = "auto",
) -> None:
    """Photograph made-up toys, compose them with the models that ship, and write a gallery.

    Example: mycanvas demo -n 64 -o mycanvas-demo
    """
    from jobs import demo as job

    job.demo(samples, out, Console(output))


@app.command()
def segment(
    photos: Photos,
    out: Annotated[str, typer.Option(help="folder or s3:// prefix of the library")],
    recipe: Annotated[str, typer.Option(help="name or file; its `segment` part is used")] = "classic",
    override: Overrides = None,
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Cut every concept out of its photos into a library that compositions draw from.

    Example: mycanvas segment --photos photos/ --out library/
    """
    from jobs.recipes import load
    from jobs.segment import segment as job

    console = Console(output)
    tally = job(load(recipe, override or []), photos=photos, out=out, address=address, console=console)
    _report(console, tally, out, f"mycanvas gallery {out} -o library.html")


@app.command()
def compose(
    recipe: RecipeName,
    photos: Photos,
    samples: Samples,
    out: Annotated[str, typer.Option(help="folder or s3:// prefix of the dataset")],
    backgrounds: Backgrounds = "",
    library: Library = "",
    layouts: Annotated[str, typer.Option(help="what `mycanvas layout` made; none: laid out here")] = "",
    seed: Seed = None,
    override: Overrides = None,
    max_failures: Failures = "5%",
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Make a dataset; the same command again resumes it.

    Example: mycanvas compose classic --photos photos/ --samples 1000 --out out/mine --set unit_size=8
    """
    from jobs.compose import compose as job
    from jobs.order import Order

    console = Console(output)
    order = Order(
        recipe=_chosen(recipe, override, seed), photos=photos, samples=samples, out=out, library=library,
        backgrounds=backgrounds, layouts=layouts, address=address, budget=_budget(max_failures),
    )  # fmt: skip
    _report(console, job(order, console), out, f"mycanvas gallery {out} -o gallery.html")


@app.command()
def layout(
    recipe: RecipeName,
    photos: Photos,
    samples: Samples,
    out: Annotated[str, typer.Option(help="folder or s3:// prefix of the layouts")],
    backgrounds: Backgrounds = "",
    library: Library = "",
    seed: Seed = None,
    override: Overrides = None,
    max_failures: Failures = "5%",
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Lay out first and paint later, so that a language model and a painter can have the same cards in turn.

    Example: mycanvas layout modern --photos photos/ --samples 1000 --out out/layouts --library out/library
    """
    from jobs.layout import layout as job
    from jobs.order import Order

    console = Console(output)
    order = Order(
        recipe=_chosen(recipe, override, seed), photos=photos, samples=samples, out=out, library=library,
        backgrounds=backgrounds, address=address, budget=_budget(max_failures),
    )  # fmt: skip
    _report(console, job(order, console), out, f"mycanvas compose {recipe} --layouts {out} …")


@app.command()
def toybox(
    out: Annotated[Path, typer.Option(help="folder for photos/ and truth/")],
    concepts: Annotated[int, typer.Option(min=1, help="how many toys")] = 40,
    photos: Annotated[int, typer.Option(min=1, help="of each")] = 6,
    size: Annotated[int, typer.Option(min=64, max=2048, help="side of a photo in pixels")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="another seed, other toys")] = 0,
    output: Output = "auto",
) -> None:
    """Render photos of made-up toys to compose from, with the truth about them beside.

    Example: mycanvas toybox --concepts 40 --photos 6 --size 256 --seed 0 --out toys
    """
    from jobs.toybox import toybox as job

    job(concepts, photos, size, seed=seed, out=out, console=Console(output))


@micro.command("train")
def micro_train(
    parts: Parts = "",
    out: Annotated[Path, typer.Option(help="folder of the family; a part goes to OUT/<part>")] = MICRO_WEIGHTS,
    data: Toysets = TOYSETS,
    work: Annotated[Path, typer.Option(help="checkpoints and logs; keep it to go on after a kill")] = MICRO_WORK,
    override: Annotated[list[str] | None, typer.Option("--set", help="--set scorer.schedule.steps=3000")] = None,
    address: Address = "local",
    workers: Annotated[int, typer.Option(min=1, help="processes that train a part together")] = 1,
    cores: Annotated[int | None, typer.Option(min=1, help="CPU cores of each process; none: all")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of every draw")] = 0,
    photos: Annotated[int, typer.Option(min=1, help="training photos to render")] = 9_000,
    scenes: Annotated[int, typer.Option(min=1, help="training scenes to render")] = 8_000,
    report: Annotated[Path, typer.Option(help="page on what was trained; curves go beside it")] = MICRO_REPORT,
    output: Output = "auto",
) -> None:
    """Train parts of the micro family, measure them, write the report; the same command again resumes.

    Example: mycanvas micro train --parts scorer --out weights/micro --set scorer.schedule.steps=3000
    """
    from jobs.micro import Order, train_family

    order = Order(
        parts=_names(parts), out=out, data=data, work=work, overrides=tuple(override or ()), address=address,
        workers=workers, seed=seed, photos=photos, scenes=scenes, report=report, cores=cores,
    )  # fmt: skip
    train_family(order, Console(output))


@micro.command("evaluate")
def micro_evaluate(
    parts: Parts = "",
    weights: Annotated[Path, typer.Option(help="folder of the family")] = MICRO_WEIGHTS,
    data: Toysets = TOYSETS,
    seed: Annotated[int, typer.Option(min=0, help="of what the measurement draws")] = 0,
    record: Annotated[bool, typer.Option(help="keep the figures in the family's evaluation.json")] = False,
    output: Output = "auto",
) -> None:
    """Measure parts of the micro family on pictures that training never saw.

    Example: mycanvas micro evaluate --parts scorer,detector --seed 0 --format json
    """
    from jobs.micro import evaluate_family

    evaluate_family(_names(parts), weights, data, seed=seed, record=record, console=Console(output))


@recipes.command("list")
def recipe_list() -> None:
    """Name the recipes that come with the engine.

    Example: mycanvas recipe list
    """
    from jobs.recipes import built_in, load

    for name in built_in():
        typer.echo(f"{name:<12} {load(name).description}")


@recipes.command("show")
def recipe_show(recipe: Annotated[str, typer.Argument(help="name or file")], override: Overrides = None) -> None:
    """Print a recipe as it will run, every default written out, and its models with licence and size.

    Example: mycanvas recipe show classic --set unit_size=8
    """
    from jobs.recipes import load, models, show

    loaded = load(recipe, override or [])
    typer.echo(show(loaded) + "".join(f"# model  {line}\n" for line in models(loaded)), nl=False)


@recipes.command("schema")
def recipe_schema() -> None:
    """Print the JSON schema of recipe files, for editors.

    Example: mycanvas recipe schema > recipe.schema.json
    """
    import json

    from jobs.recipes import schema

    typer.echo(json.dumps(schema(), indent=2))


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="file to write", metavar="FILE")],
    force: Annotated[bool, typer.Option(help="overwrite")] = False,
) -> None:
    """Write a commented recipe of your own to start from.

    Example: mycanvas init mine.yaml
    """
    from jobs.recipes import init as job

    job(path, force=force)
    typer.echo(f"{path}\nnext: mycanvas compose {path} --photos photos/ --samples 64 --out out/mine")


@app.command()
def verify(dataset: Dataset, output: Output = "auto") -> None:
    """Read every stored byte and name what is damaged; exit code 6 when something is.

    Example: mycanvas verify out/mine
    """
    from jobs.keep import verify as job

    job(dataset, Console(output))


@app.command()
def gc(
    dataset: Dataset,
    delete: Annotated[bool, typer.Option(help="delete them; without it they are only listed")] = False,
    older_than: Annotated[float, typer.Option(help="hours; younger leftovers may belong to a live run")] = 24.0,
    output: Output = "auto",
) -> None:
    """List, or delete, what dead runs left behind. Committed files are never touched.

    Example: mycanvas gc out/mine --delete
    """
    from jobs.keep import collect as job

    job(dataset, Console(output), delete=delete, older_than_hours=older_than)


@app.command()
def gallery(
    dataset: Dataset,
    page: Annotated[Path, typer.Option("-o", "--out", help="HTML file to write")],
    limit: Annotated[int, typer.Option(min=1, help="most cards on the page")] = 200,
    library: Annotated[str, typer.Option(help="cut-outs of layouts; none: DATASET/library")] = "",
) -> None:
    """Write one self-contained HTML page to look through a dataset, layouts or a library, and rate it.

    Example: mycanvas gallery out/mine -o gallery.html
    """
    from jobs.gallery import gallery as job

    count = job(dataset, page, limit, library=library)
    typer.echo(f"{count} cards  {page}")


for command in (cli_cluster.submit, cli_cluster.status, cli_cluster.logs, cli_cluster.stop):
    app.command()(command)
for curating in (
    cli_curate.stats,
    cli_curate.query,
    cli_curate.score,
    cli_curate.compact,
    cli_curate.export,
    cli_curate.card,
    cli_curate.compare,
):
    app.command()(curating)
app.command("filter")(cli_curate.filter_)


@app.command()
def doctor(output: Output = "auto") -> None:
    """Check that this machine is fit, and say how to mend what is not.

    Example: mycanvas doctor
    """
    from dataclasses import asdict

    from jobs.doctor import examine

    findings = examine()
    lines = [f"{f.verdict:<5} {f.name:<16} {f.detail}" + (f"\n      fix: {f.fix}" if f.fix else "") for f in findings]
    Console(output).result({"findings": [asdict(finding) for finding in findings]}, lines)
    if any(finding.verdict == "fail" for finding in findings):
        sys.exit(4)


def _chosen(recipe: str, override: list[str] | None, seed: int | None) -> Recipe:
    from jobs.recipes import load

    return load(recipe, [*(override or []), *([f"seed={seed}"] if seed is not None else [])])


def _budget(text: str) -> Budget:
    from jobs.run import parse_budget

    return parse_budget(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _report(console: Console, tally: Tally, out: str, following: str) -> None:
    from dataclasses import asdict

    made = (
        f"{tally.rows:,} rows made: {tally.accepted:,} accepted, {tally.rejected:,} rejected, {tally.failed:,} failed"
    )
    if not tally.rows:
        made = "nothing to do: every row asked for is committed"
    console.result({"out": out, **asdict(tally)}, [made, f"  {out}", f"next: {following}"])
