"""The commands that train and measure models: micro train, micro evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Address, Output, group
from jobs.console import Console

WEIGHTS, TOYSETS, WORK = "weights/micro", "toysets", "out/micro"
REPORT = Path("docs/micro.md")
Parts = Annotated[str, typer.Option(help="comma-separated, such as scorer,detector; none: all")]
Toysets = Annotated[str, typer.Option(help="folder of the rendered Toybox sets; made where missing")]

commands = group()
micro = group("Train and measure the small models that ship with the engine.")
commands.add_typer(micro, name="micro")


@micro.command("train")
def micro_train(
    parts: Parts = "",
    out: Annotated[str, typer.Option(help="the family: a folder or s3://…; a part goes to OUT/<part>")] = WEIGHTS,
    data: Toysets = TOYSETS,
    work: Annotated[str, typer.Option(help="checkpoints and logs: a folder or s3://…, to go on after a kill")] = WORK,
    override: Annotated[list[str] | None, typer.Option("--set", help="--set scorer.schedule.steps=3000")] = None,
    address: Address = "local",
    workers: Annotated[int, typer.Option(min=1, help="processes that train a part together")] = 1,
    cores: Annotated[int | None, typer.Option(min=1, help="CPU cores of each process; none: all")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of every draw")] = 0,
    photos: Annotated[int, typer.Option(min=1, help="training photos to render")] = 9_000,
    groups: Annotated[int, typer.Option(min=1, help="training pictures of several toys to render")] = 8_000,
    report: Annotated[Path, typer.Option(help="page on what was trained; curves go beside it")] = REPORT,
    output: Output = "auto",
) -> None:
    """Train parts of the micro family, measure them, write the report; the same command again resumes.

    Example: mycanvas micro train --parts scorer --out weights/micro --set scorer.schedule.steps=3000
    """
    from jobs.train.micro import train_family
    from jobs.train.micro_plan import MicroRequest

    order = MicroRequest(
        parts=_names(parts), out=out, data=data, work=work, overrides=tuple(override or ()), address=address,
        workers=workers, seed=seed, photos=photos, groups=groups, report=report, cores=cores,
    )  # fmt: skip
    train_family(order, Console(output))


@micro.command("evaluate")
def micro_evaluate(
    parts: Parts = "",
    weights: Annotated[str, typer.Option(help="the family: a folder or s3://…")] = WEIGHTS,
    data: Toysets = TOYSETS,
    seed: Annotated[int, typer.Option(min=0, help="of what the measurement draws")] = 0,
    record: Annotated[bool, typer.Option(help="keep the figures in the family's evaluation.json")] = False,
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Measure parts of the micro family on pictures that training never saw.

    Example: mycanvas micro evaluate --parts scorer,detector --seed 0 --format json
    """
    from jobs.train.micro import evaluate_family

    evaluate_family(_names(parts), weights, data, seed=seed, record=record, console=Console(output), address=address)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
