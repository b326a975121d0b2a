"""The commands that show: gallery, stats, card, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Output, Run, group
from jobs.console import Console

commands = group()


@commands.command()
def gallery(
    dataset: Run,
    page: Annotated[Path | None, typer.Option("-o", "--out", help="HTML file; none: OUT/gallery.html")] = None,
    limit: Annotated[int, typer.Option(min=1, help="most tiles on the page")] = 200,
    library: Annotated[str, typer.Option(help="cut-outs of layouts; none: DATASET/library")] = "",
) -> None:
    """Write one self-contained HTML page to look through a dataset, layouts or a library, and rate it.

    Example: mycanvas gallery out/mine
    """
    from jobs.report.gallery import gallery as job

    if page is None and "://" in dataset:
        raise typer.BadParameter("give -o: a page is written to this machine", param_hint="-o")
    place = page or Path(dataset) / "gallery.html"
    count = job(dataset, place, limit, library=library)
    typer.echo(f"{count} tiles  {place}")


@commands.command()
def stats(
    dataset: Annotated[str, typer.Argument(help="a dataset, a view, or a library", metavar="OUT")],
    page: Annotated[Path | None, typer.Option(help="SVG to write: the same, drawn")] = None,
    output: Output = "auto",
) -> None:
    """Say what became of the rows: by reason, concept, score and stage.

    Example: mycanvas stats out/mine --page stats.svg
    """
    from jobs.report.pages import write_page
    from jobs.report.stats import lines
    from jobs.report.stats import stats as job
    from jobs.report.stats_page import page as drawn

    report = job(dataset)
    if page:
        write_page(page, drawn(report).encode(), option="--page")
    Console(output).result(report, [*lines(report), *([str(page)] if page else [])])


@commands.command()
def card(
    dataset: Annotated[str, typer.Argument(help="the --out of compose, filter or compact", metavar="OUT")],
    output: Output = "auto",
) -> None:
    """Write the dataset card anew: README.md for people and hubs, croissant.json for programs.

    Example: mycanvas card out/mine
    """
    from jobs.report.dataset_card import card as job

    where = job(dataset)
    Console(output).result({"card": where}, [where])


@commands.command()
def compare(
    first: Annotated[str, typer.Argument(help="a dataset, or a view", metavar="A")],
    second: Annotated[str, typer.Argument(help="another one", metavar="B")],
    sheet: Annotated[Path | None, typer.Option(help="picture to write: some of each, side by side")] = None,
    count: Annotated[int, typer.Option(min=1, max=400, help="--sheet: pictures of each")] = 16,
    side: Annotated[int, typer.Option(min=32, max=1024, help="--sheet: pixels of a picture")] = 160,
    output: Output = "auto",
) -> None:
    """Put two datasets or views side by side: their numbers, and with --sheet some of their pictures.

    Example: mycanvas compare out/mine out/best --sheet compared.jpg
    """
    from jobs.report import compare as job

    report = job.compare(first, second)
    if sheet:
        job.sheet(first, second, sheet, count=count, side=side)
    Console(output).result(
        {**report, "sheet": str(sheet or "")}, [*job.lines(report), *([str(sheet)] if sheet else [])]
    )
