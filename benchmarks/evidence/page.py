"""The findings as a page and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.evidence.findings import PAPER, Findings
from benchmarks.evidence.study import Study
from benchmarks.support.report import machine
from engine.metrics.evaluation import MEASURED
from jobs.evaluate.summary import GROUPS, arrow

SHOWN = ("cp_clip", "cp_clip_assigned", "ti_clip", "identity", "collapsed", "count_right", "swapped", "copy_paste")


def save_page(study: Study, found: Findings, seconds: float, path: Path) -> None:
    """Write the page."""
    path.write_text("\n".join(_lines(study, found, seconds)) + "\n", encoding="utf-8")


def save_numbers(study: Study, found: Findings, seconds: float, path: Path) -> None:
    """Write every cell and ratio."""
    content = {
        "machine": machine(),
        "hours": round(seconds / 3600, 2),
        "seed": study.seed,
        "groups": found.groups,
        "ratios": {f"{regime}_over_photos": found.ratio(regime, "2-3", "cp_clip") for regime in study.regimes},
        "all_ratios": found.ratios,
        "cells": found.cells,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _lines(study: Study, found: Findings, seconds: float) -> Iterator[str]:
    yield from ("# Evidence: what composed data does for several concepts at once", "")
    yield (
        f"Written by `make evidence` from {len(found.groups)} groups of Toybox concepts that no part of the micro "
        f"family saw (seed {study.seed}), trained by `{study.training}` on `{study.base}`, {study.steps} steps each, "
        f"seeds {', '.join(map(str, study.seeds))}; {seconds / 3600:.1f} hours of commands. Photos that pictures are "
        "held against were not trained on; scenes that are asked for were not composed in. Intervals of 95 % by a "
        "bootstrap over casts and prompts. [docs/evaluate.md](evaluate.md) defines the columns."
    )
    for group in GROUPS:
        names = list(dict.fromkeys(cell["model"] for cell in found.cells if cell["subjects"] == group))
        if not names:
            continue
        metrics = [metric for metric in SHOWN if any(found.cell(name, group, metric) for name in names)]
        yield from ("", f"## {group} concept{'' if group == '1' else 's'}", "")
        labels = [MEASURED[metric].label + arrow(metric) for metric in metrics]
        yield f"| trained on | {' | '.join(labels)} | paper: CP, TI |"
        yield f"|---|{'---|' * (len(metrics) + 1)}"
        for name in names:
            paper = PAPER.get((name, group))
            shown = f"{paper[0]:.2f}, {paper[1]:.2f}" if paper else ""
            yield f"| {name} | {' | '.join(_shown(found, name, group, metric) for metric in metrics)} | {shown} |"
    if found.ratios:
        yield from ("", "## Ratios to photos", "", "| | concepts | metric | ratio |", "|---|---|---|---|")
        for each in found.ratios:
            value = f"{each['mean']:.2f} ({each['low']:.2f} to {each['high']:.2f})"
            yield f"| {each['model']} | {each['subjects']} | {MEASURED[each['metric']].label} | {value} |"


def _shown(found: Findings, name: str, group: str, metric: str) -> str:
    cell = found.cell(name, group, metric)
    return "" if cell is None else f"{cell['mean']:.3f} ({cell['low']:.3f} to {cell['high']:.3f})"
