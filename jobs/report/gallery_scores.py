"""The numbers of the gallery: which there are, what they are called, and where a row keeps them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from engine.metrics.table import MetricTable, table_of
from engine.rows.metric import MetricSpec


@dataclass(frozen=True, slots=True)
class GalleryScore:
    """A number that tiles can be sorted by."""

    key: str
    label: str
    short: str
    digits: int
    unit: str = ""


def gallery_scores(metrics: MetricTable) -> list[GalleryScore]:
    """The numbers of tiles, in the order in which they are offered."""
    return [
        GalleryScore(spec.column, spec.label, spec.short or spec.label, spec.digits, f" {spec.unit}".rstrip())
        for spec in _gallery_metrics(metrics)
    ]


def row_scores(row: Any) -> dict[str, float]:
    """The scores of a row by key, those of its objects as the worst of them; what is not known is left out."""
    found = {}
    for spec in _gallery_metrics(table_of(type(row))):
        worst = spec.worst([value for value in spec.values(row) if math.isfinite(value)])
        if worst is not None:
            found[spec.column] = round(worst, 6)
    return found


def _gallery_metrics(metrics: MetricTable) -> list[MetricSpec]:
    return [spec for spec in metrics.values() if "gallery" in spec.views]
