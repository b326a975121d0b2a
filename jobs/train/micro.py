"""`mycanvas micro`: train the small models that ship with the engine, and measure them on pictures never trained on."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite, nan
from pathlib import Path
from typing import final

from actors.micro.parts import MICRO
from actors.micro.spec import Measurement, MicroTraining, local_data, measure_part
from cluster.remote_call import call
from cluster.session import LOCAL, NONE, ON_THIS_MACHINE, Capacity, check_readable, session
from cluster.training import train
from engine.errors import UsageError
from engine.storage.open_store import open_store
from engine.toybox.sets import TEST, TRAINING, make_sets
from engine.training.reports import TrainingReport, read_reports
from engine.training.resources import CPU_ENVIRONMENT, TrainingResources, TrainingStorage
from engine.training.spec import configure
from jobs.console import LINE_EVERY_S, Console, clock
from jobs.train.micro_plan import GROUPS, PHOTOS, Catalogue, MicroRequest, choose, is_trained, plan
from jobs.train.micro_report import Trained, record_rows, record_training, write_report

SETS_SEED = 0  # the sets are the same for every training: only its own draws depend on --seed


def train_family(order: MicroRequest, console: Console, catalogue: Catalogue = MICRO) -> list[Measurement]:
    """Render what is missing, then train and measure part after part; the same order again goes on where it stopped."""
    specs = plan(order, catalogue)
    _require_cluster(order.address)
    storage = TrainingStorage(data=order.data, out=order.out, work=order.work).absolute()
    data = local_data(storage.data)
    console.say(f"parts   {', '.join(spec.name for spec in specs)}   {order.out}")
    with session(order.address) as capacity:
        render(data, order.photos, order.groups, int(capacity.cpus), console)
        if order.address not in ON_THIS_MACHINE:
            check_readable(storage.data, purpose="--data")
        resources = _resources(order, capacity)
        rows = [row for spec in specs for row in train_part(spec, storage, resources, order.report, console)]
    tell_rows(rows, console, f"written: {order.report}")
    return rows


def _require_cluster(address: str) -> None:
    if address == NONE:
        raise UsageError(
            "TRAINING_ADDRESS",
            "a training runs on Ray Train",
            where=f"--address {address}",
            fix="leave --address out; `python -m actors.training PART` trains without Ray",
        )


def _resources(order: MicroRequest, capacity: Capacity) -> TrainingResources:
    return TrainingResources(
        num_workers=order.workers,
        cpus_per_worker=order.cores or max(int(capacity.cpus) // order.workers, 1),
        use_gpu=capacity.gpus >= order.workers,
    )


def render(
    data: Path, photos: int, groups: int, processes: int, console: Console, *, kinds: Sequence[str] = (TRAINING, TEST)
) -> None:
    """Render the Toybox sets where they are missing."""
    make_sets(
        data,
        seed=SETS_SEED,
        photos=photos,
        groups=groups,
        processes=max(processes, 1),
        tell=lambda text: console.say(f"toybox  {text}"),
        kinds=kinds,
    )


def train_part(
    spec: MicroTraining, storage: TrainingStorage, resources: TrainingResources, report: Path, console: Console
) -> list[Measurement]:
    """Train one part inside a session, measure it, and write both down."""
    train(spec, storage, resources, _Teller(spec.name, spec.schedule.steps, console))
    history = read_reports(open_store(storage.work), spec.run)
    rows = _measure_in_worker(spec, storage.out, storage.data, spec.seed, resources)
    trained = Trained(
        part=spec.name,
        sentence=next(iter((type(spec).__doc__ or "").strip().splitlines()), ""),
        fields=spec.model_dump(mode="json"),
        where=str(resources),
        seconds=max((each.seconds for each in history), default=0.0),
        curve=_curve(history),
    )
    family = open_store(storage.out)
    record_training(family, trained)
    record_rows(family, rows, spec.seed)
    write_report(family, report)
    for row in rows:
        console.say(f"{spec.name}  {row.metric}  {row.value:.4f}  target {aim(row)}  {verdict(row)}")
    return rows


def _measure_in_worker(
    spec: MicroTraining, out: str, data: str, seed: int, resources: TrainingResources
) -> list[Measurement]:
    """Figures of a finished part, by a worker: this process loads no model."""
    rows: list[Measurement] = call(
        "actors.micro.spec:measure_part", spec, out, data, seed,
        cpus=resources.cpus_per_worker, gpus=1.0 if resources.use_gpu else 0.0, env=CPU_ENVIRONMENT,
    )  # fmt: skip
    return rows


def _curve(history: Sequence[TrainingReport]) -> list[tuple[int, float]]:
    """Step and loss; a step that was taken twice, before and after a kill, counts once."""
    losses = {each.step: float(each.metrics.get("loss", nan)) for each in history}
    return sorted((step, loss) for step, loss in losses.items() if isfinite(loss))


@final
class _Teller:
    """Says at most every ten seconds how far a training is."""

    def __init__(self, part: str, total: int, console: Console) -> None:
        self._part, self._total, self._console = part, total, console
        self._spoken = time.monotonic()

    def __call__(self, report: TrainingReport) -> None:
        now, step = time.monotonic(), report.step
        if now - self._spoken < LINE_EVERY_S and step != self._total:
            return
        self._spoken = now
        loss, rate = report.metrics.get("loss", nan), report.metrics.get("steps_per_s", 0.0)
        left = f"  {clock((self._total - step) / rate)} left" if rate and self._total > step else ""
        self._console.say(f"{self._part}  {step:,}/{self._total:,}  loss {loss:.4f}  {rate:.1f} steps/s{left}")


def evaluate_family(
    parts: Sequence[str], weights: str, data: str, *, seed: int, record: bool, console: Console,
    address: str = LOCAL, catalogue: Catalogue = MICRO,
) -> list[Measurement]:  # fmt: skip
    """Measure finished parts on what training never saw; without names, all that are there.

    Raises:
        UsageError: MICRO_PART, TOYSETS_NOT_LOCAL.
        EnvironmentProblem: those of `actors.models.weights.local_weights`, by name, for a part that is not fit to be
            loaded, and of `cluster.session.session`.
    """
    chosen, family = choose(parts, catalogue), open_store(weights)
    if not parts:
        chosen = [part for part in chosen if is_trained(part, family, catalogue)] or chosen
    data_uri, weights_uri = (open_store(uri).uri for uri in (data, weights))
    render(local_data(data), PHOTOS, GROUPS, os.cpu_count() or 1, console, kinds=(TEST,))
    rows = []
    with session(address) as capacity:
        resources = TrainingResources(cpus_per_worker=max(int(capacity.cpus), 1), use_gpu=capacity.gpus >= 1)
        for spec in (configure(catalogue.resolve(part)) for part in chosen):
            found = (
                _measure_in_worker(spec, weights_uri, data_uri, seed, resources)
                if capacity.ray
                else measure_part(spec, weights_uri, data_uri, seed)
            )
            rows += found
            if record:
                record_rows(family, found, seed)
    tell_rows(rows, console, f"recorded in {weights}" if record else "")
    return rows


def tell_rows(rows: Sequence[Measurement], console: Console, last: str) -> None:
    """The table on stdout."""
    table = [f"{'part':<20} {'metric':<40} {'value':>8} {'target':>8}"]
    table += [f"{row.part:<20} {row.metric:<40} {row.value:8.3f} {aim(row):>8}  {verdict(row)}" for row in rows]
    console.result({"rows": [{**asdict(row), "met": row.met} for row in rows]}, [*table, *([last] if last else [])])


def aim(row: Measurement) -> str:
    """The target as text; a dash where a figure is there for comparison alone."""
    return "-" if row.target is None else f"{row.target:g}"


def verdict(row: Measurement) -> str:
    """Whether a row reaches its target, in a word or two."""
    return {True: "met", False: "not met", None: ""}[row.met]
