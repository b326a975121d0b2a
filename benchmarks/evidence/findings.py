"""What a study found: the rows of all its evaluations as one table, by regime and number of concepts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.evidence.study import Study, group_name, models_of
from engine.rows.evaluated import EvaluatedImage
from jobs.evaluate.contestants import Contestant
from jobs.evaluate.summary import CEILING, CEILING_FOLDER, cells, ratios
from jobs.listed_run import read_rows

PAPER = {
    ("photos", "2-3"): (0.26, 0.16), ("photos", "4"): (0.21, 0.13), ("photos", "5"): (0.23, 0.17),
    ("composed", "2-3"): (0.41, 0.17), ("composed", "4"): (0.47, 0.17), ("composed", "5"): (0.50, 0.15),
    ("curated", "2-3"): (0.51, 0.17), ("curated", "4"): (0.55, 0.16), ("curated", "5"): (0.57, 0.14),
}  # fmt: skip
"""CP-CLIP and TI-CLIP of Gen4Gen (arXiv 2402.15504), table 1, up to three, four and five concepts."""


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


def gather(study: Study, out: Path, numbers: Sequence[int]) -> Findings:
    """The rows of some groups, of those that have been evaluated."""
    rows: dict[str, list[EvaluatedImage]] = {name: [] for name in study.regimes} | {"base": [], CEILING: []}
    wordings: dict[str, str] = {}
    measured = []
    for number in numbers:
        group = group_name(study, number)
        home = out / group / "evaluated"
        if not (home / "evaluation.json").is_file():
            continue
        measured.append(group)
        for question in json.loads((home / "questions.json").read_text()):
            wordings[question["caption"]] = question["background"] or question["template"]
        for folder, regime in folders_of(study, number).items():
            found = read_rows(str(home / "measured" / folder), EvaluatedImage)
            rows[regime] += [_marked(row, group) for row in found]
    known: Mapping[str, list[EvaluatedImage]] = {name: each for name, each in rows.items() if each}
    return Findings(list(cells(known, wordings)), list(ratios(known, wordings)) if known else [], measured)


def folders_of(study: Study, number: int) -> dict[str, str]:
    """The regime of each folder of numbers that the plan of a group makes."""
    planned = [Contestant(name, "", {}, place) for place, (name, _) in enumerate(models_of(study, number), 1)]
    return {each.folder: each.name for each in planned} | {CEILING_FOLDER: CEILING}


def _marked(row: EvaluatedImage, group: str) -> EvaluatedImage:
    """The row with concepts that say of which group they are: two groups may have a toy of one name."""
    return replace(row, concepts=tuple(f"{group}/{concept}" for concept in row.concepts))
