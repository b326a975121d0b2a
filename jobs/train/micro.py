"""`mycanvas micro`: train the small models that ship with the engine, and measure them on pictures never trained on."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, final

from actors.micro.parts import MICRO
from cluster.session import LOCAL, Capacity, check_readable, session
from cluster.training import Place, read_log, run_name, train
from engine.errors import UsageError
from engine.registry import Registry
from engine.toybox.sets import TEST, TRAINING, make_sets
from engine.training.course import Course, Metric, configure
from jobs.console import LINE_EVERY_S, Console, clock
from jobs.train.micro_report import Trained, record_rows, record_training, write_report

Catalogue = Registry[type[Course]]
SETS_SEED = 0  # the sets are the same for every training: only its own draws depend on --seed
PHOTOS, SCENES = 9_000, 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroRequest:
    """What the user asked for.

    Attributes:
        parts: names; none means all.
        out: folder of the family.
        data: folder of the Toybox sets, rendered where they are missing.
        work: folder of checkpoints and logs.
        overrides: ``<part>.<field>=<value>``.
        photos, scenes: training pictures to render.
        report: Markdown file that says what was trained and how well it does.
        cores: CPU cores of each worker; none shares those of the machine out.
    """

    parts: tuple[str, ...] = ()
    out: Path
    data: Path
    work: Path
    overrides: tuple[str, ...] = ()
    address: str = LOCAL
    workers: int = 1
    seed: int = 0
    photos: int = PHOTOS
    scenes: int = SCENES
    report: Path
    cores: int | None = None


def train_family(order: MicroRequest, console: Console, catalogue: Catalogue = MICRO) -> list[Metric]:
    """Render what is missing, then train and measure part after part; the same order again goes on where it stopped."""
    courses = plan(order, catalogue)
    console.say(f"parts   {', '.join(course.part for course in courses)}   {order.out}")
    with session(order.address) as capacity:
        place = _place(order, capacity)
        render(place.data, order.photos, order.scenes, int(capacity.cpus), console)
        if order.address != LOCAL:
            check_readable(str(place.data), purpose="--data")
        rows = [row for course in courses for row in train_part(course, place, order.report, console)]
    tell_rows(rows, console, f"written: {order.report}")
    return rows


def plan(order: MicroRequest, catalogue: Catalogue) -> list[Course]:
    """The courses of an order, each behind those that it needs; everything that can be wrong with it is found here.

    Raises:
        UsageError: MICRO_PART, MICRO_NEEDS, RECIPE_SET, RECIPE_KEY, RECIPE_VALUE.
    """
    parts = choose(order.parts, catalogue)
    fields: dict[str, list[str]] = {part: [f"seed={order.seed}"] for part in parts}
    for item in order.overrides:
        part, dot, rest = item.partition(".")
        if not dot or part not in fields:
            raise UsageError(
                "RECIPE_SET",
                f"{item!r} does not begin with a part that is trained",
                where="--set",
                fix=f"--set {parts[0]}.schedule.steps=3000; parts: {', '.join(parts)}",
            )
        fields[part].append(rest)
    courses = {part: configure(catalogue.resolve(part), fields[part]) for part in parts}
    ordered: dict[str, Course] = {}
    for part in parts:
        _visit(part, courses, ordered, order.out, catalogue)
    return list(ordered.values())


def _visit(
    part: str, courses: Mapping[str, Course], ordered: dict[str, Course], out: Path, catalogue: Catalogue
) -> None:
    for need in courses[part].needs:
        if need in courses and need not in ordered:
            _visit(need, courses, ordered, out, catalogue)
        elif need not in courses and not is_trained(need, out, catalogue):
            raise UsageError(
                "MICRO_NEEDS",
                f"{part!r} is built on {need!r}, which is not there",
                where=str(out / need),
                fix=f"mycanvas micro train --parts {need},{part} --out {out}",
            )
    ordered[part] = courses[part]


def is_trained(part: str, out: Path, catalogue: Catalogue) -> bool:
    """Whether a family's folder holds a part, by itself or inside another one."""
    homes = (part, *catalogue.resolve(part).homes)
    return any(True for home in homes for _ in (out / home).rglob("*.safetensors"))


def choose(parts: Sequence[str], catalogue: Catalogue) -> list[str]:
    """The parts that are meant, each once; all of them where none is named.

    Raises:
        UsageError: MICRO_PART.
    """
    for part in parts:
        if part not in catalogue:
            near = get_close_matches(part, catalogue, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(
                "MICRO_PART",
                f"the micro family has no part {part!r}",
                where="--parts",
                fix=f"{hint}there are: {', '.join(catalogue)}",
            )
    return list(dict.fromkeys(parts)) or list(catalogue)


def _place(order: MicroRequest, capacity: Capacity) -> Place:
    return Place(
        data=order.data.absolute(),
        out=order.out.absolute(),
        work=order.work.absolute(),
        workers=order.workers,
        cores=order.cores or max(int(capacity.cpus) // order.workers, 1),
        gpu=capacity.gpus >= order.workers,
    )


def render(
    data: Path, photos: int, scenes: int, processes: int, console: Console, *, kinds: Sequence[str] = (TRAINING, TEST)
) -> None:
    """Render the Toybox sets where they are missing."""
    make_sets(
        data,
        seed=SETS_SEED,
        photos=photos,
        scenes=scenes,
        processes=max(processes, 1),
        tell=lambda text: console.say(f"toybox  {text}"),
        kinds=kinds,
    )


def train_part(course: Course, place: Place, report: Path, console: Console) -> list[Metric]:
    """Train one part inside a session, measure it, and write both down."""
    total = getattr(getattr(course, "schedule", None), "steps", 0)
    train(course, place, _Teller(course.part, total, console))
    history = [line for line in read_log(place.log(course.part)) if line["run"] == run_name(course)]
    rows = course.evaluate(place.out, place.data, course.seed)
    trained = Trained(
        part=course.part,
        sentence=next(iter((type(course).__doc__ or "").strip().splitlines()), ""),
        fields=course.model_dump(mode="json"),
        where=f"{place.workers} x {'1 GPU' if place.gpu else f'{place.cores} CPU cores'}",
        seconds=max((line["seconds"] for line in history), default=0.0),
        curve=_curve(history),
    )
    record_training(place.out, trained)
    record_rows(place.out, rows, course.seed)
    write_report(place.out, report)
    for row in rows:
        console.say(f"{course.part}  {row.metric}  {row.value:.4f}  target {aim(row)}  {verdict(row)}")
    return rows


def _curve(history: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """Step and loss; a step that was taken twice, before and after a kill, counts once."""
    losses = {line["step"]: float(line["loss"]) for line in history if isfinite(line.get("loss", float("nan")))}
    return sorted(losses.items())


@final
class _Teller:
    """Says at most every ten seconds how far a training is."""

    def __init__(self, part: str, total: int, console: Console) -> None:
        self._part, self._total, self._console = part, total, console
        self._spoken = time.monotonic()

    def __call__(self, line: Mapping[str, Any]) -> None:
        now, step = time.monotonic(), line["step"]
        if now - self._spoken < LINE_EVERY_S and step != self._total:
            return
        self._spoken = now
        rate = line.get("steps_per_s", 0.0)
        left = f"  {clock((self._total - step) / rate)} left" if rate and self._total > step else ""
        of = f"/{self._total:,}" if self._total else ""
        self._console.say(f"{self._part}  {step:,}{of}  loss {line.get('loss', 0.0):.4f}  {rate:.1f} steps/s{left}")


def evaluate_family(
    parts: Sequence[str], weights: Path, data: Path, *, seed: int, record: bool, console: Console,
    catalogue: Catalogue = MICRO,
) -> list[Metric]:  # fmt: skip
    """Measure finished parts on what training never saw; without names, all that are there.

    Raises:
        UsageError: MICRO_PART.
        EnvironmentProblem: those of `actors.models.weights.local_weights`, by name, for a part that is not fit to be
        loaded.
    """
    chosen = choose(parts, catalogue)
    if not parts:
        chosen = [part for part in chosen if is_trained(part, weights, catalogue)] or chosen
    render(data, PHOTOS, SCENES, os.cpu_count() or 1, console, kinds=(TEST,))
    rows = []
    for part in chosen:
        found = configure(catalogue.resolve(part)).evaluate(weights, data, seed)
        rows += found
        if record:
            record_rows(weights, found, seed)
    tell_rows(rows, console, f"recorded in {weights}" if record else "")
    return rows


def tell_rows(rows: Sequence[Metric], console: Console, last: str) -> None:
    """The table on stdout."""
    table = [f"{'part':<12} {'metric':<40} {'value':>8} {'target':>8}"]
    table += [f"{row.part:<12} {row.metric:<40} {row.value:8.3f} {aim(row):>8}  {verdict(row)}" for row in rows]
    console.result({"rows": [{**asdict(row), "met": row.met} for row in rows]}, [*table, *([last] if last else [])])


def aim(row: Metric) -> str:
    """The target as text; a dash where a figure is there for comparison alone."""
    return "-" if row.target is None else f"{row.target:g}"


def verdict(row: Metric) -> str:
    """Whether a row reaches its target, in a word or two."""
    return {True: "met", False: "not met", None: ""}[row.met]
