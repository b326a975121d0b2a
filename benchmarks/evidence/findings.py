"""What a study found: the rows of all its evaluations as one table, by regime and number of concepts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.evidence.study import Study, group_name
from engine.rows.evaluated import EvaluatedImage
from jobs.evaluate.summary import CEILING, CEILING_FOLDER, cells, ratios
from jobs.listed_run import read_rows

PAPER = {
    ("photos", "2-3"): (0.26, 0.16), ("photos", "4"): (0.21, 0.13), ("photos", "5"): (0.23, 0.17),
    ("composed", "2-3"): (0.41, 0.17), ("composed", "4"): (0.47, 0.17), ("composed", "5"): (0.50, 0.15),
    ("curated", "2-3"): (0.51, 0.17), ("curated", "4"): (0.55, 0.16), ("curated", "5"): (0.57, 0.14),
}  # fmt: skip
"""CP-CLIP and TI-CLIP of Gen4Gen (arXiv 2402.15504), table 1, up to three, four and five concepts."""
_FOLDER = re.compile(r"\d+-(.+)$")


@dataclass(frozen=True, slots=True)
class Findings:
    """Cells and ratios as `mycanvas evaluate` has them, over all groups; `groups` that were measured."""

    cells: list[dict[str, Any]]
    ratios: list[dict[str, Any]]
    groups: list[str]

    def cell(self, regime: str, subjects: str, metric: str) -> dict[str, Any] | None:
        """One of them."""
        keys = {"model": regime, "subjects": subjects, "metric": metric}
        return next((each for each in self.cells if keys.items() <= each.items()), None)

    def ratio(self, regime: str, subjects: str, metric: str) -> dict[str, Any] | None:
        """One regime over the first."""
        keys = {"model": regime, "subjects": subjects, "metric": metric}
        return next((each for each in self.ratios if keys.items() <= each.items()), None)


def gather(study: Study, out: Path) -> Findings:
    """The rows of every group that has been evaluated."""
    rows: dict[str, list[EvaluatedImage]] = {name: [] for name in study.regimes} | {"base": [], CEILING: []}
    wordings: dict[str, str] = {}
    measured = []
    for number in range(len(study.groups)):
        group = group_name(study, number)
        home = out / group / "evaluated"
        if not (home / "questions.json").is_file():
            continue
        measured.append(group)
        for question in json.loads((home / "questions.json").read_text()):
            wordings[question["caption"]] = question["background"] or question["template"]
        for folder in sorted((home / "measured").iterdir()):
            regime = regime_of(folder.name, study)
            rows[regime] += [_marked(row, group) for row in read_rows(str(folder), EvaluatedImage)]
    known: Mapping[str, list[EvaluatedImage]] = {name: each for name, each in rows.items() if each}
    return Findings(list(cells(known, wordings)), list(ratios(known, wordings)) if known else [], measured)


def regime_of(folder: str, study: Study) -> str:
    """The regime of ``measured/03-gate-alone``."""
    if folder == CEILING_FOLDER:
        return CEILING
    found = _FOLDER.match(folder)
    name = found[1] if found else folder
    return next((regime for regime in study.regimes if regime.replace(" ", "-") == name), name)


def _marked(row: EvaluatedImage, group: str) -> EvaluatedImage:
    """The row with concepts that say of which group they are: two groups may have a toy of one name."""
    return replace(row, concepts=tuple(f"{group}/{concept}" for concept in row.concepts))
