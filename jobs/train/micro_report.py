"""What was trained, how, and how well it does: kept as JSON beside the weights, and told in ``docs/micro.md``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from actors.micro.spec import Measurement
from engine.errors import EnvironmentProblem
from engine.storage.store import Store

FILE = "evaluation.json"
POINTS = 160  # of a curve that is kept
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 220, 56, 24
_INTRODUCTION = """\
# The micro family

Written by `mycanvas micro train`; do not edit. Small models of the production architectures, trained on the Toybox, in
the formats of production and loaded by the same backends as the large ones.
Every figure is measured on pictures that training never saw, by `mycanvas micro evaluate`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One finished training."""

    part: str
    sentence: str
    fields: Mapping[str, Any]
    where: str
    seconds: float
    curve: Sequence[tuple[int, float]]


def read_record(family: Store) -> dict[str, Any]:
    """Part to what is known of it; empty where nothing was recorded yet.

    Raises:
        EnvironmentProblem: MICRO_RECORD.
    """
    try:
        return dict(json.loads(family.read(FILE))["parts"])
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise EnvironmentProblem(
            "MICRO_RECORD",
            "is no record of trainings",
            where=f"{family.uri}/{FILE}",
            why=str(error),
            fix="delete it; training and `mycanvas micro evaluate --record` write it anew",
        ) from error


def record_training(family: Store, trained: Trained) -> None:
    """Keep how a part was trained; its figures are those of an older training and go."""
    kept = {**asdict(trained), "seconds": round(trained.seconds), "curve": thin_curve(trained.curve)}
    _write(family, {**read_record(family), trained.part: kept})


def record_rows(family: Store, rows: Sequence[Measurement], seed: int) -> None:
    """Keep figures, beside those of other parts."""
    parts = read_record(family)
    for part in dict.fromkeys(row.part for row in rows):
        found = [{**asdict(row), "met": row.met} for row in rows if row.part == part]
        parts[part] = {**parts.get(part, {}), "rows": found, "evaluated_with_seed": seed}
    _write(family, parts)


def _write(family: Store, parts: Mapping[str, Any]) -> None:
    family.put(FILE, (json.dumps({"parts": parts}, indent=1) + "\n").encode())


def thin_curve(curve: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """A curve of at most `POINTS` points, each the mean of as many neighbours; steps are the last of each."""
    every = -(-len(curve) // POINTS) or 1
    pieces = [curve[start : start + every] for start in range(0, len(curve), every)]
    return [(piece[-1][0], round(sum(loss for _, loss in piece) / len(piece), 5)) for piece in pieces]


def write_report(family: Store, page: Path) -> None:
    """Write the page, and a curve beside it for every part, from what is kept with the family."""
    parts = read_record(family)
    rows = [row for known in parts.values() for row in known.get("rows", [])]
    pictures = page.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    sections = []
    for part, known in sorted(parts.items()):
        if known.get("curve"):
            (pictures / f"{part}.svg").write_text(draw_curve(part, known["curve"]), encoding="utf-8")
        sections.append(_section(part, known, f"{pictures.name}/{part}.svg"))
    page.write_text("\n".join([_INTRODUCTION, _table(rows), *sections]), encoding="utf-8")


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| part | metric | value | target | met |", "|---|---|---|---|---|"]
    for row in rows:
        met = {True: "yes", False: "no", None: ""}[row["met"]]
        target = "" if row["target"] is None else f"{row['target']:g}"
        lines += [f"| {row['part']} | {row['metric']} | {row['value']:.3f} | {target} | {met} |"]
    return "\n".join(lines) + "\n"


def _section(part: str, known: Mapping[str, Any], picture: str) -> str:
    lines = [f"## {part}", ""]
    if "fields" in known:
        steps = known["curve"][-1][0] if known["curve"] else 0
        lines += [known["sentence"], "", f"{steps:,} steps, {known['seconds'] / 60:.1f} min on {known['where']}.", ""]
        lines += [f"![loss of {part} over steps]({picture})", ""] if known["curve"] else []
        lines += ["| field | value |", "|---|---|"]
        lines += [f"| `{name}` | `{json.dumps(value)}` |" for name, value in _flat(known["fields"], "")]
    else:
        lines += ["How it was trained is not on record."]
    return "\n".join([*lines, ""])


def _flat(tree: Mapping[str, Any], above: str) -> list[tuple[str, Any]]:
    pairs = []
    for name, value in tree.items():
        pairs += _flat(value, f"{above}{name}.") if isinstance(value, dict) else [(f"{above}{name}", value)]
    return pairs


def draw_curve(part: str, curve: Sequence[tuple[int, float]]) -> str:
    """The curve as SVG: steps to the right, upwards the loss, cut at its 98th percentile: the first steps pass it."""
    losses = sorted(loss for _, loss in curve)
    low, high = losses[0], losses[min(int(0.98 * len(losses)), len(losses) - 1)]
    low = min(low, 0.0) if low < 0.3 * high else low
    span, last = (high - low) or 1.0, max(curve[-1][0], 1)
    points = " ".join(
        f"{_LEFT + step / last * (_WIDTH - _LEFT - 8):.1f},"
        f"{8 + (1 - (min(max(loss, low), high) - low) / span) * (_HEIGHT - _BOTTOM - 8):.1f}"
        for step, loss in curve
    )
    floor = _HEIGHT - _BOTTOM
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">
<title>loss of {part} over steps</title>
<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>
<path d="M{_LEFT} 8V{floor}H{_WIDTH - 8}" fill="none" stroke="#999"/>
<polyline points="{points}" fill="none" stroke="#2563eb" stroke-width="1.5"/>
<g fill="#555"><text x="{_LEFT - 6}" y="16" text-anchor="end">{high:.3g}</text>
<text x="{_LEFT - 6}" y="{floor}" text-anchor="end">{low:.3g}</text>
<text x="{_LEFT}" y="{_HEIGHT - 6}">0</text>
<text x="{_WIDTH - 8}" y="{_HEIGHT - 6}" text-anchor="end">{last:,} steps</text></g>
</svg>
"""
