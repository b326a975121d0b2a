"""The table of metrics: every score of every record, in the order in which people see them.

A row stands beside the typed field that it describes, in `engine.rows.scores` and the records; here they are gathered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType

from engine.rows.added_scores import AddedScores
from engine.rows.composition import Composition
from engine.rows.cutout import Cutout
from engine.rows.metric import MetricSpec, item_records, metric_fields

MetricTable = Mapping[str, MetricSpec]
"""Scores by column, in the order of their ranks."""


def table_of(*records: type) -> MetricTable:
    """The scores of some records and of their objects. Of a column in several records the first counts."""
    return _table(records)


@cache
def _table(records: tuple[type, ...]) -> MetricTable:
    found: dict[str, MetricSpec] = {}
    for record in records:
        items = [
            replace(spec, group=group)
            for group, item in item_records(record).items()
            for spec in metric_fields(item).values()
        ]
        for spec in (*metric_fields(record).values(), *items):
            found.setdefault(spec.column, spec)
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: item[1].rank)))


METRICS: MetricTable = table_of(Composition, AddedScores, Cutout)
"""The scores that the engine knows."""
