"""The commands that score and choose rows: filter, query, score, compact, export, gate calibrate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

import typer

from jobs.cli.options import Address, Output, Rows, group
from jobs.console import Console

Group = Literal["concepts", "scene", "count"]

Format = Literal[
    "webdataset", "hf", "coco", "fiftyone", "kohya", "diffusers", "references", "preference", "harmonise"
]  # fmt: skip
commands = group()
gate = group("Fit the gate's thresholds.")
commands.add_typer(gate, name="gate")


@commands.command("filter")
def filter_(
    dataset: Rows,
    where: Annotated[str, typer.Option(help="condition, such as: clip_score >= 0.28 and 'dog' in concepts")] = "",
    dedup: Annotated[str, typer.Option(help="phash:4 or embedding:0.95, no two rows that look alike")] = "",
    by: Annotated[str, typer.Option(help="what is best: clip_score, min(objects.identity), …")] = "",
    top: Annotated[str, typer.Option(help="keep the best: 10% or 500; needs --by")] = "",
    per_concept: Annotated[
        int | None, typer.Option(min=1, help="keep at most N rows of each concept, the best")
    ] = None,
    balance: Annotated[Group | None, typer.Option(help="as many rows of each as of the rarest")] = None,
    view: Annotated[str, typer.Option(help="folder to write the choice into; no pixel is copied")] = "",
    out: Annotated[str, typer.Option(help="folder or s3:// prefix to copy the chosen rows into, as a dataset")] = "",
    shard_mb: Annotated[int, typer.Option(min=1, max=2000, help="--out: megabytes of a shard")] = 128,
    address: Annotated[str, typer.Option(help="--out: local, auto, a Ray address, or none: in this process")] = "local",
    explain: Annotated[bool, typer.Option("--explain", help="what is read, and what each part leaves")] = False,
    output: Output = "auto",
) -> None:
    """Choose rows by their scores. With neither --view nor --out, say what would be chosen.

    Rows that the gate rejected are left out, unless the condition names `status`.

    Example: mycanvas filter out/mine --where "'dog' in concepts" --top 10% --by clip_score --view out/best
    """
    from jobs.curate import filter as job
    from planners.curate.selection import Wanted

    console = Console(output)
    wanted = Wanted(where=where, dedup=dedup, by=by, top=top, per_concept=per_concept, balance=balance)
    chosen = job.choose(dataset, wanted, explain=explain or not (view or out))
    if view:
        job.write(chosen, wanted, view)
    if out:
        from jobs.curate.rewrite import materialise

        materialise(chosen, out, question=asdict(wanted), shard_mb=shard_mb, address=address, console=console)
    following = [f"next: mycanvas gallery {quote(view or out)} -o gallery.html"] if view or out else []
    told = {"dataset": dataset, "view": view, "out": out, "rows": chosen.rows.num_rows, **asdict(chosen.account)}
    console.result(told, [*job.lines(chosen), *following])


@commands.command()
def score(
    dataset: Rows,
    with_: Annotated[list[str], typer.Option("--with", help="phash=true, clip.model=…, identity.model=…, …")],
    name: Annotated[str, typer.Option(help="what the new columns are called after: clip_score__NAME")],
    library: Annotated[str, typer.Option(help="cut-outs that it was composed from; none: DATASET/library")] = "",
    gpus: Annotated[float, typer.Option(min=0, help="of each process")] = 0.0,
    cpus: Annotated[float, typer.Option(min=0, help="of each process")] = 1.0,
    failures: Annotated[
        str, typer.Option("--max-failures", help="no columns when more rows fail: a share, a number")
    ] = "5%",
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Score a dataset again with other models, or by another metric; images are read once and never written.

    A model of the hub is named with the commit of its weights, --with clip.revision=.

    Example: mycanvas score out/mine --name micro --with clip.model=shipped:micro/scorer
    """
    from actors.score.rescore import Rescore
    from engine.run.recipe_parse import spec_from_overrides
    from jobs.curate.score import POOL
    from jobs.curate.score import score as job
    from jobs.run_loop import parse_budget

    console = Console(output)
    spec = spec_from_overrides(Rescore, with_, see="docs/recipes.md, `score`")
    pool = POOL.model_copy(update={"gpus": gpus, "cpus": cpus})
    budget = parse_budget(failures)
    made = job(dataset, spec, name, library=library, pool=pool, budget=budget, address=address, console=console)
    data = {"dataset": dataset, "name": name, "rows": made.rows, "failed": made.failed}
    console.result(data, [f"{made.rows:,} rows scored, {made.failed} failed", f"next: mycanvas stats {quote(dataset)}"])


@commands.command()
def compact(
    dataset: Rows,
    out: Annotated[str, typer.Option(help="folder or s3:// prefix of the new dataset")],
    shard_mb: Annotated[int, typer.Option(min=1, max=2000, help="megabytes of a shard")] = 500,
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Copy a dataset of many small shards into few large ones, rows in the same order; the same command again resumes.

    Example: mycanvas compact out/mine --out s3://bucket/mine
    """
    from jobs.curate.filter import choose
    from jobs.curate.rewrite import materialise
    from planners.curate.selection import Wanted

    console = Console(output)
    wanted = Wanted(where="status is not null")  # rejected rows too
    chosen = choose(dataset, wanted, explain=False)
    materialise(chosen, out, question=asdict(wanted), shard_mb=shard_mb, address=address, console=console)
    told = f"{chosen.rows.num_rows:,} rows in {out}"
    console.result({"dataset": dataset, "out": out, "rows": chosen.rows.num_rows}, [told])


@commands.command()
def export(
    dataset: Rows,
    to: Annotated[Format, typer.Option(help="the format")],
    out: Annotated[str, typer.Option(help="empty folder or s3:// prefix")],
    shard_mb: Annotated[int, typer.Option(min=1, max=2000, help="megabytes of a shard: webdataset, hf")] = 250,
    rejected: Annotated[bool, typer.Option("--rejected", help="rows that the gate rejected too")] = False,
    library: Annotated[str, typer.Option(help="for references, harmonise; none: DATASET/library")] = "",
    output: Output = "auto",
) -> None:
    """Write a dataset or a view in the format of another tool.

    Example: mycanvas export out/best --to webdataset --out out/best-wds
    """
    from jobs.curate.export import export as job

    console = Console(output)
    made = job(dataset, to, out, shard_mb=shard_mb, rejected=rejected, library=library, console=console)
    left = f", {made['left_out']:,} left out: the format has no place for them" if made["left_out"] else ""
    console.result(made, [f"{made['rows']:,} rows in {out}{left}"])


@commands.command()
def query(
    dataset: Rows,
    sql: Annotated[str, typer.Argument(help="a select from the table `scores`", metavar="SQL")],
    timeout_s: Annotated[float, typer.Option(min=0.1, max=86400, help="seconds that it may take")] = 60.0,
    output: Output = "auto",
) -> None:
    """Ask the scores of a dataset in SQL; nothing can be changed, and nothing else be read.

    Example: mycanvas query out/mine "select scene, avg(clip_score) from scores group by scene"
    """
    from jobs.curate import query as job

    answer = job.query(dataset, sql, timeout_s=timeout_s, most=None if output == "json" else job.SHOWN)
    Console(output).result({"rows": answer.rows.to_pylist() if output == "json" else []}, job.lines(answer))


@gate.command("calibrate")
def gate_calibrate(
    dataset: Rows,
    labels: Annotated[Path, typer.Option(help="CSV of sample_id and rating, as a gallery page downloads it")],
    accept: Annotated[float, typer.Option(help="the least rating of a good row")] = 4.0,
    precision: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="minimum precision (good rows among those that pass); recall is maximised"),
    ] = None,
    recall: Annotated[
        float | None, typer.Option(min=0, max=1, help="minimum recall (good rows that pass); precision is maximised")
    ] = None,
    output: Output = "auto",
) -> None:
    """Fit the gate's thresholds to what a person accepted and rejected; say what they would keep.

    Without --precision and --recall: the best F1.

    Example: mycanvas gate calibrate out/mine --labels labels.csv --precision 0.9
    """
    from engine.errors import UsageError
    from jobs.curate.calibrate import fit_gate, lines
    from planners.curate.calibrate import Goal

    if precision is not None and recall is not None:
        raise UsageError("GATE_GOAL", "--precision and --recall cannot both be promised", fix="give one of them")
    made = fit_gate(dataset, labels, accept=accept, goal=Goal(precision, recall))
    Console(output).result({**asdict(made), "where": made.where}, lines(made))
