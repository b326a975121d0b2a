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


def save_page(study: Study, found: Findings, ablated: Findings, seconds: float, path: Path) -> None:
    """Write the page; `ablated` are the findings of the groups with ablations alone."""
    path.write_text("\n".join(_lines(study, found, ablated, seconds)) + "\n", encoding="utf-8")


def save_numbers(study: Study, found: Findings, ablated: Findings, seconds: float, path: Path) -> None:
    """Write every cell and ratio."""
    main = _without_ablations(study, found)
    content = {
        "machine": machine(),
        "hours": round(seconds / 3600, 2),
        "seed": study.seed,
        "groups": found.groups,
        "ratios": {f"{name}_over_photos": main.ratio(name, "2-3", "cp_clip") for name in study.regimes},
        "all_ratios": main.ratios,
        "cells": main.cells,
        "ablated": {"groups": ablated.groups, "ratios": ablated.ratios, "cells": ablated.cells},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _without_ablations(study: Study, found: Findings) -> Findings:
    """Only what was trained for every group: others would be compared over other groups."""
    left_out = {name for name, each in study.regimes.items() if each.ablation}
    rows = [[row for row in part if row["model"] not in left_out] for part in (found.cells, found.ratios)]
    return Findings(rows[0], rows[1], found.groups)


def _lines(study: Study, found: Findings, ablated: Findings, seconds: float) -> Iterator[str]:
    yield from ("# Evidence: what composed data does for several concepts at once", "")
    yield (
        f"Written by `make evidence` from {len(found.groups)} groups of Toybox concepts that no part of the micro "
        f"family saw (seed {study.seed}), trained by `{study.training}` on `{study.base}`, {study.steps} steps each, "
        f"seeds {', '.join(map(str, study.seeds))}; {seconds / 3600:.1f} hours of commands. Photos that pictures are "
        "held against were not trained on; scenes that are asked for were not composed in. Intervals of 95 % by a "
        "bootstrap over casts and prompts, which are too narrow for few casts; trainings of other seeds are other "
        "pictures of one cast. [docs/evaluate.md](evaluate.md) defines the columns."
    )
    yield from _tables(_without_ablations(study, found), "##")
    if ablated.groups:
        yield from ("", f"## Ablations, on {' and '.join(ablated.groups)}")
        yield from _tables(ablated, "###")


def _tables(found: Findings, level: str) -> Iterator[str]:
    for group in GROUPS:
        names = list(dict.fromkeys(cell["model"] for cell in found.cells if cell["subjects"] == group))
        if not names:
            continue
        metrics = [metric for metric in SHOWN if any(found.cell(name, group, metric) for name in names)]
        yield from ("", f"{level} {group} concept{'' if group == '1' else 's'}", "")
        labels = [MEASURED[metric].label + arrow(metric) for metric in metrics]
        yield f"| trained on | {' | '.join(labels)} | casts | paper: CP, TI |"
        yield f"|---|{'---|' * (len(metrics) + 2)}"
        for name in names:
            paper = PAPER.get((name, group))
            shown = f"{paper[0]:.2f}, {paper[1]:.2f}" if paper else ""
            casts = max(cell["casts"] for cell in found.cells if (cell["model"], cell["subjects"]) == (name, group))
            values = [_shown(found, name, group, metric) for metric in metrics]
            yield f"| {name} | {' | '.join(values)} | {casts} | {shown} |"
    if found.ratios:
        yield from ("", f"{level} Ratios to photos", "", "| | concepts | metric | ratio |", "|---|---|---|---|")
        for each in found.ratios:
            value = f"{each['mean']:.2f} ({each['low']:.2f} to {each['high']:.2f})"
            yield f"| {each['model']} | {each['subjects']} | {MEASURED[each['metric']].label} | {value} |"


def _shown(found: Findings, name: str, group: str, metric: str) -> str:
    cell = found.cell(name, group, metric)
    return "" if cell is None else f"{cell['mean']:.3f} ({cell['low']:.3f} to {cell['high']:.3f})"
