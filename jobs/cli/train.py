"""The commands that train models, draw with them and compare them: train, sample, evaluate, import, micro."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import Address, Output, Overrides, group
from jobs.console import Console

WEIGHTS, TOYSETS, WORK = "weights/micro", "toysets", "out/micro"
REPORT = Path("docs/micro.md")
Parts = Annotated[str, typer.Option(help="comma-separated, such as scorer,detector; none: all")]
Toysets = Annotated[str, typer.Option(help="folder of the rendered Toybox sets; made where missing")]

commands = group()
micro = group("Train and measure the small models that ship with the engine.")
commands.add_typer(micro, name="micro")


@commands.command()
def train(
    training: Annotated[str, typer.Argument(help="name of a built-in training, or a YAML file", metavar="SPEC")],
    out: Annotated[str, typer.Option(help="the artifact: a folder or s3://…; checkpoints lie in OUT/runs")],
    data: Annotated[str, typer.Option(help="a dataset of ours, or a view of one")] = "",
    photos: Annotated[str, typer.Option(help="or photos of the concepts, a folder each")] = "",
    workers: Annotated[str, typer.Option(help="processes that train together: 4, or 2..8 as nodes come and go")] = "1",
    concepts: Annotated[str, typer.Option(help="together, or each: an artifact for every concept")] = "together",
    gpu_share: Annotated[float, typer.Option(min=0.01, max=1, help="of a GPU for each, with --concepts each")] = 1.0,
    cores: Annotated[int | None, typer.Option(min=1, help="CPU cores of each process; none: all")] = None,
    override: Overrides = None,
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Teach a base model the concepts of a dataset, or of photos; the same command again goes on.

    Example: mycanvas train micro-custom-diffusion --photos toybox/photos --out out/toys
    """
    from jobs.train.train import lines_of
    from jobs.train.train import train as job
    from jobs.train.train_request import TrainRequest, one_of, one_source, parse_workers
    from jobs.train.trainings import load

    request = TrainRequest(
        training=load(training, override or ()), data=one_source(data, photos), out=out, address=address,
        workers=parse_workers(workers), cores=cores,
    )  # fmt: skip
    console = Console(output)
    if one_of(concepts, "together", "each") == "each":
        from jobs.train.train_each import train_each

        made = train_each(request, gpu_share, console)
        console.result(made, [f"{name}   {folder}" for name, folder in made["artifacts"].items()])
        return
    manifest = job(request, console)
    console.result({"out": out, **manifest}, lines_of(manifest, out))


@commands.command()
def sample(
    model: Annotated[str, typer.Argument(help="what `train` made; or a base: folder, shipped name or hub id")],
    prompts: Annotated[Path, typer.Option(help="file with a prompt on each line; {concept} stands for its token")],
    out: Annotated[str, typer.Option(help="dataset of the pictures: a folder or s3://…")],
    per_prompt: Annotated[int, typer.Option(min=1, help="pictures of each prompt")] = 4,
    side: Annotated[int | None, typer.Option(min=64, help="of a picture in pixels; none: as it was trained")] = None,
    revision: Annotated[str, typer.Option(help="commit of a base on the hub")] = "",
    base: Annotated[str, typer.Option(help="where the artifact's base lies, if not where it says")] = "",
    seed: Annotated[int, typer.Option(min=0, help="of every picture")] = 0,
    override: Overrides = None,
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Draw prompts with what was trained, or with a base: a dataset that score, filter, stats and gallery take.

    Example: mycanvas sample out/toys --prompts prompts.txt --out out/toys-samples --set steps=30
    """
    from actors.personalize.draw.drawing import Drawing
    from engine.run.recipe_parse import spec_from_overrides
    from jobs.train.sample import SampleRequest
    from jobs.train.sample import sample as job

    request = SampleRequest(
        model=model, prompts=prompts, each=per_prompt, out=out, revision=revision, base=base, side=side, seed=seed,
        drawing=spec_from_overrides(Drawing, override or (), see="docs/train.md"), address=address,
    )  # fmt: skip
    made = job(request, Console(output))
    lines = [f"{made['pictures']:,} pictures of {made['prompts']:,} prompts", f"next: mycanvas gallery {out}"]
    Console(output).result(made, lines)


@commands.command()
def evaluate(
    models: Annotated[
        list[str], typer.Argument(help="what is compared: [NAME=]MODEL, artifacts and bases", metavar="MODEL...")
    ],
    photos: Annotated[str, typer.Option(help="photos that were not trained on, a folder for each concept")],
    out: Annotated[str, typer.Option(help="pictures, numbers and the table: a folder or s3://…")],
    protocol: Annotated[str, typer.Option(help="name of a built-in protocol, or a YAML file")] = "mycanvas",
    trained: Annotated[str, typer.Option(help="photos that were trained on: for copy-paste, and as the ceiling")] = "",
    benchmark: Annotated[Path | None, typer.Option(help="folder of a benchmark's own files")] = None,
    revision: Annotated[str, typer.Option(help="commit of a base on the hub")] = "",
    override: Overrides = None,
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Compare models by what they draw: one table with intervals; the same command again goes on.

    Example: mycanvas evaluate photos=out/a composed=out/b base=shipped:micro/generator --protocol micro
    --photos held-out --trained photos --out out/evaluation
    """
    from jobs.evaluate.evaluate import EvaluateRequest
    from jobs.evaluate.evaluate import evaluate as job
    from jobs.evaluate.protocols import load

    request = EvaluateRequest(
        models=tuple(models), protocol=load(protocol, tuple(override or ())), photos=photos, out=out, trained=trained,
        benchmark=benchmark, revision=revision, address=address,
    )  # fmt: skip
    console = Console(output)
    table = job(request, console)
    console.result(table, [f"table   {out}/evaluation.md", f"report  {out}/report.html"])


@commands.command("import")
def import_(
    path: Annotated[str, typer.Argument(help="delta.bin or delta.ckpt of Custom Diffusion, or a folder of diffusers")],
    base: Annotated[str, typer.Option(help="that it was trained on: folder, shipped name or hub id")],
    out: Annotated[str, typer.Option(help="the artifact: a folder or s3://…")],
    revision: Annotated[str, typer.Option(help="commit of a base on the hub")] = "",
    kinds: Annotated[list[str] | None, typer.Option("--class", help="what a token is: --class new1=dog")] = None,
    side: Annotated[int, typer.Option(min=64, help="of its pictures in pixels")] = 512,
    address: Address = "local",
    output: Output = "auto",
) -> None:
    """Make an artifact of what another tool trained; pickles are read as tensors alone.

    Example: mycanvas import delta.bin --base models/sd15 --class new1=dog --out out/imported
    """
    from jobs.train.import_artifact import import_artifact

    tokens = import_artifact(path, base, revision, kinds or (), out, side=side, address=address)
    lines = [*tokens, f"next: mycanvas sample {out} --prompts prompts.txt --out {out}-samples"]
    Console(output).result({"out": out, "tokens": tokens}, lines)


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
