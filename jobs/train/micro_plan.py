"""What is asked of `mycanvas micro`: parts of the family, in the order in which they are built on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from actors.micro.spec import MicroTraining
from cluster.session import LOCAL
from engine.errors import UsageError
from engine.registry import Registry
from engine.storage.open_store import open_store
from engine.storage.store import Store
from engine.training.spec import configure

Catalogue = Registry[type[MicroTraining]]
PHOTOS, GROUPS = 9_000, 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroRequest:
    """What the user asked for.

    Attributes:
        parts: names; none means all that ship.
        out: URI of the family.
        data: folder of the Toybox sets, rendered where they are missing.
        work: URI of checkpoints and logs.
        overrides: ``<part>.<field>=<value>``.
        photos, groups: training pictures to render.
        report: Markdown file that says what was trained and how well it does.
        cores: CPU cores of each worker; none shares those of the machine out.
    """

    parts: tuple[str, ...] = ()
    out: str
    data: str
    work: str
    overrides: tuple[str, ...] = ()
    address: str = LOCAL
    workers: int = 1
    seed: int = 0
    photos: int = PHOTOS
    groups: int = GROUPS
    report: Path
    cores: int | None = None


def plan(order: MicroRequest, catalogue: Catalogue) -> list[MicroTraining]:
    """The trainings of an order, each behind those that it needs; everything that can be wrong with it is found here.

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
    specs = {part: configure(catalogue.resolve(part), fields[part]) for part in parts}
    ordered: dict[str, MicroTraining] = {}
    for part in parts:
        _visit(part, specs, ordered, order.out, catalogue)
    return list(ordered.values())


def _visit(
    part: str, specs: Mapping[str, MicroTraining], ordered: dict[str, MicroTraining], out: str, catalogue: Catalogue
) -> None:
    for need in specs[part].needs:
        if need in specs and need not in ordered:
            _visit(need, specs, ordered, out, catalogue)
        elif need not in specs and not is_trained(need, open_store(out), catalogue):
            raise UsageError(
                "MICRO_NEEDS",
                f"{part!r} is built on {need!r}, which is not there",
                where=f"{out}/{need}",
                fix=f"mycanvas micro train --parts {need},{part} --out {out}",
            )
    ordered[part] = specs[part]


def is_trained(part: str, family: Store, catalogue: Catalogue) -> bool:
    """Whether a family holds a part, by itself or inside another one."""
    homes = (part, *catalogue.resolve(part).homes)
    return any(entry.path.endswith(".safetensors") for home in homes for entry in family.list(home))


def choose(parts: Sequence[str], catalogue: Catalogue) -> list[str]:
    """The parts that are meant, each once; where none is named, all but those that want to be.

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
    return list(dict.fromkeys(parts)) or [part for part in catalogue if not catalogue.resolve(part).by_name]
