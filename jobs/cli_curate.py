"""The commands about a dataset that is there: what it holds, which rows of it, in which form."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from jobs.cli_options import Output
from jobs.console import Console

gate = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Fit the gate's thresholds.")


@gate.callback()
def _group() -> None:
    """A group, though of one command yet: `mycanvas gate calibrate`."""


Source = Annotated[str, typer.Argument(help="a dataset, or a view of one", metavar="DATASET")]
Group = Literal["concepts", "scene", "count"]


def filter_(
    dataset: Source,
    where: Annotated[str, typer.Option(help="condition, such as: clip_score >= 0.28 and 'dog' in concepts")] = "",
    dedup: Annotated[str, typer.Option(help="phash:4 or embedding:0.95, no two rows that look alike")] = "",
    by: Annotated[str, typer.Option(help="what is best: clip_score, min(objects.identity), …")] = "",
    top: Annotated[str, typer.Option(help="keep the best: 10% or 500; needs --by")] = "",
    per_concept: Annotated[int | None, typer.Option(min=1, help="at most so many rows of each concept")] = None,
    balance: Annotated[Group | None, typer.Option(help="as many rows of each as of the rarest")] = None,
    view: Annotated[str, typer.Option(help="folder to write the choice into; no pixel is copied")] = "",
    out: Annotated[str, typer.Option(help="folder or s3:// prefix to copy the chosen rows into, as a dataset")] = "",
    shard_mb: Annotated[int, typer.Option(min=1, max=2000, help="--out: megabytes of a shard")] = 128,
    address: Annotated[str, typer.Option(help="--out: local, auto, or a Ray address")] = "local",
    explain: Annotated[bool, typer.Option("--explain", help="what is read, and what each part leaves")] = False,
    output: Output = "auto",
) -> None:
    """Choose rows by their scores. With neither --view nor --out, say what would be chosen.

    Rows that the gate rejected are left out, unless the condition names `status`.

    Example: mycanvas filter out/mine --where "'dog' in concepts" --top 10% --by clip_score --view out/best
    """
    from jobs import filter as job
    from planners.selection import Wanted

    console = Console(output)
    wanted = Wanted(where=where, dedup=dedup, by=by, top=top, per_concept=per_concept, balance=balance)
    chosen = job.choose(dataset, wanted, explain=explain or not (view or out))
    if view:
        job.write(chosen, wanted, view)
    if out:
        from jobs.materialise import materialise

        materialise(chosen, out, question=asdict(wanted), shard_mb=shard_mb, address=address, console=console)
    following = [f"next: mycanvas gallery {view or out} -o gallery.html"] if view or out else []
    told = {"dataset": dataset, "view": view, "out": out, "rows": chosen.rows.num_rows, **asdict(chosen.account)}
    console.result(told, [*job.lines(chosen), *following])


def score(
    dataset: Source,
    with_: Annotated[list[str], typer.Option("--with", help="phash=true, clip.model=…, identity.model=…, …")],
    name: Annotated[str, typer.Option(help="what the new columns are called after: clip_score__NAME")],
    library: Annotated[str, typer.Option(help="cut-outs that it was composed from; none: DATASET/library")] = "",
    gpus: Annotated[float, typer.Option(min=0, help="of each process")] = 0.0,
    cpus: Annotated[float, typer.Option(min=0, help="of each process")] = 1.0,
    failures: Annotated[
        str, typer.Option("--max-failures", help="no columns when more rows fail: a share, a number")
    ] = "5%",
    address: Annotated[str, typer.Option(help="local, auto, or a Ray address")] = "local",
    output: Output = "auto",
) -> None:
    """Score a dataset again with other models, or by another metric; images are read once and never written.

    Example: mycanvas score out/mine --name vitl --with clip.model=ViT-L-14 --with clip.pretrained=openai
    """
    from actors.rescore import Rescore
    from engine.recipe import changed
    from jobs.run import parse_budget
    from jobs.score import POOL
    from jobs.score import score as job

    console = Console(output)
    spec = changed(Rescore, with_, see="docs/recipes.md, `score`")
    pool = POOL.model_copy(update={"gpus": gpus, "cpus": cpus})
    budget = parse_budget(failures)
    made = job(dataset, spec, name, library=library, pool=pool, budget=budget, address=address, console=console)
    data = {"dataset": dataset, "name": name, "rows": made.rows, "failed": made.failed}
    console.result(data, [f"{made.rows:,} rows scored, {made.failed} failed", f"next: mycanvas stats {dataset}"])


def compact(
    dataset: Source,
    out: Annotated[str, typer.Option(help="folder or s3:// prefix of the new dataset")],
    shard_mb: Annotated[int, typer.Option(min=1, max=2000, help="megabytes of a shard")] = 500,
    address: Annotated[str, typer.Option(help="local, auto, or a Ray address")] = "local",
    output: Output = "auto",
) -> None:
    """Copy a dataset of many small shards into few large ones, rows in the same order; the same command again resumes.

    Example: mycanvas compact out/mine --out s3://bucket/mine
    """
    from jobs.filter import choose
    from jobs.materialise import materialise
    from planners.selection import Wanted

    console = Console(output)
    wanted = Wanted(where="status is not null")  # rejected rows too
    chosen = choose(dataset, wanted, explain=False)
    materialise(chosen, out, question=asdict(wanted), shard_mb=shard_mb, address=address, console=console)
    told = f"{chosen.rows.num_rows:,} rows in {out}"
    console.result({"dataset": dataset, "out": out, "rows": chosen.rows.num_rows}, [told])


def export(
    dataset: Source,
    to: Annotated[Literal["webdataset", "hf", "coco", "fiftyone"], typer.Option(help="the format")],
    out: Annotated[str, typer.Option(help="empty folder or s3:// prefix")],
    shard_mb: Annotated[int, typer.Option(min=1, max=2000, help="megabytes of a shard: webdataset, hf")] = 250,
    rejected: Annotated[bool, typer.Option("--rejected", help="rows that the gate rejected too")] = False,
    output: Output = "auto",
) -> None:
    """Write a dataset or a view in the format of another tool.

    Example: mycanvas export out/best --to webdataset --out out/best-wds
    """
    from jobs.export import export as job

    console = Console(output)
    made = job(dataset, to, out, shard_mb=shard_mb, rejected=rejected, console=console)
    console.result(made, [f"{made['rows']:,} rows in {out}"])


@gate.command("calibrate")
def gate_calibrate(
    dataset: Source,
    labels: Annotated[Path, typer.Option(help="CSV of sample_id and rating, as a gallery page downloads it")],
    accept: Annotated[float, typer.Option(help="the least rating of a good row")] = 4.0,
    precision: Annotated[
        float | None, typer.Option(min=0, max=1, help="share of what passes that is good; as much recall as can be")
    ] = None,
    recall: Annotated[
        float | None, typer.Option(min=0, max=1, help="share of the good that passes; as little else as can be")
    ] = None,
    output: Output = "auto",
) -> None:
    """Fit the gate's thresholds to what a person accepted and rejected; say what they would keep.

    Without --precision and --recall: the best F1.

    Example: mycanvas gate calibrate out/mine --labels labels.csv --precision 0.9
    """
    from engine.errors import UsageError
    from jobs.calibrate import fit_gate, lines
    from planners.calibrate import Goal

    if precision is not None and recall is not None:
        raise UsageError("GATE_GOAL", "--precision and --recall cannot both be promised", fix="give one of them")
    made = fit_gate(dataset, labels, accept=accept, goal=Goal(precision, recall))
    Console(output).result({**asdict(made), "where": made.where}, lines(made))


def card(
    dataset: Annotated[str, typer.Argument(help="the --out of compose, filter or compact", metavar="OUT")],
    output: Output = "auto",
) -> None:
    """Write the dataset card anew: README.md for people and hubs, croissant.json for programs.

    Example: mycanvas card out/mine
    """
    from jobs.card import card as job

    where = job(dataset)
    Console(output).result({"card": where}, [where])


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
    from jobs import compare as job

    report = job.compare(first, second)
    if sheet:
        job.sheet(first, second, sheet, count=count, side=side)
    Console(output).result(
        {**report, "sheet": str(sheet or "")}, [*job.lines(report), *([str(sheet)] if sheet else [])]
    )


def stats(
    dataset: Annotated[str, typer.Argument(help="a dataset, a view, or a library", metavar="OUT")],
    page: Annotated[Path | None, typer.Option(help="SVG to write: the same, drawn")] = None,
    output: Output = "auto",
) -> None:
    """Say what became of the rows: by reason, concept, score and stage.

    Example: mycanvas stats out/mine --page stats.svg
    """
    from jobs.pages import write_page
    from jobs.stats import lines
    from jobs.stats import stats as job
    from jobs.stats_page import page as drawn

    report = job(dataset)
    if page:
        write_page(page, drawn(report).encode(), option="--page")
    Console(output).result(report, [*lines(report), *([str(page)] if page else [])])


def query(
    dataset: Source,
    sql: Annotated[str, typer.Argument(help="a select from the table `scores`", metavar="SQL")],
    output: Output = "auto",
) -> None:
    """Ask the scores of a dataset in SQL; nothing can be changed, and nothing else be read.

    Example: mycanvas query out/mine "select scene, avg(clip_score) from scores group by scene"
    """
    from jobs import query as job

    rows = job.query(dataset, sql)
    Console(output).result({"rows": rows.to_pylist() if output == "json" else []}, job.lines(rows))
