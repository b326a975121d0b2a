"""What is told of a dataset's scores, as SQL over its score table and as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.dataset.sql import quote_name
from engine.metrics.table import METRICS, MetricTable
from engine.rows.metric import MetricSpec

QUANTILES = (0.05, 0.5, 0.95)
BINS = 20


def score_sources(types: Mapping[str, Any], metrics: MetricTable = METRICS) -> dict[str, str]:
    """Every score by name, with SQL for its values, column `x`.

    Args:
        types: DuckDB's type of each column of the table `scores`.
        metrics: the scores that are known; one that was added is called after it, ``seam__again``.
    """
    found = {}
    for name, kind in types.items():
        spec = metrics.get(name.split("__")[0])
        if spec is not None and _is_number(spec):
            value = quote_name(name) if kind.id != "list" else f"unnest({quote_name(name)})"  # of each object
            found[name] = f"select {value} as x from scores"
    for field in _object_fields(types):
        if field in metrics and metrics[field].group == "objects":
            found[f"objects.{field}"] = (
                f"select o.{quote_name(field)} as x from (select unnest(objects) as o from scores)"
            )
    return found


def _is_number(spec: MetricSpec) -> bool:
    """Whether its values are spread over a scale: counts and hashes that are neither good nor bad are names."""
    return spec.kind is float or (spec.kind is int and spec.higher_is_better is not None)


def moments(source: str) -> str:
    """SQL for one row: how many values there are, the least, the largest, the mean, and the quantiles as a list."""
    told = f"count(x), min(x), max(x), avg(x), quantile_cont(x, {list(QUANTILES)})"
    return f"select {told} from ({source}) where isfinite(x)"


def histogram(source: str, low: float, high: float) -> str:
    """SQL for rows of bin, from 0, and count: `BINS` bins of one width between `low` and `high`."""
    width = (high - low) / BINS or 1.0
    place = f"greatest(0, least({BINS - 1}, floor((x - {low!r}::double) / {width!r}::double)))::int"
    return f"select {place} as bin, count(*) as n from ({source}) where isfinite(x) group by bin order by bin"


def bins(counted: Mapping[int, int]) -> list[int]:
    """Counts of all bins."""
    return [counted.get(number, 0) for number in range(BINS)]


def counts(types: Mapping[str, Any], column: str) -> str:
    """SQL for values of a column and how often they are there, the most frequent first; of a list, of its items."""
    source = f"unnest({quote_name(column)})" if types[column].id == "list" else quote_name(column)
    return (
        f"select value, count(*) as n from (select {source} as value from scores) group by value order by n desc, value"
    )


def by_concept(types: Mapping[str, Any], metrics: MetricTable = METRICS) -> str:
    """SQL for rows of a concept, how often it is there and accepted, and its mean scores."""
    wanted = [spec for spec in metrics.values() if "by_concept" in spec.views]
    of_rows = [spec.column for spec in wanted if not spec.group and spec.column in types]
    of_objects = [spec.column for spec in wanted if spec.group and spec.column in _object_fields(types)]
    means = [f"avg({name}) as {name}" for name in of_rows] + [f"avg(o.{name}) as {name}" for name in of_objects]
    rows = f"select {', '.join(['status', *of_rows])}, unnest(objects) as o from scores"
    accepted = "count(*) filter (status = 'accepted') as accepted"
    told = ", ".join(["o.concept as concept", "count(*) as objects", accepted, *means])
    return f"select {told} from ({rows}) group by 1 order by 1"


def _object_fields(types: Mapping[str, Any]) -> list[str]:
    kind = types.get("objects")
    return [field for field, _ in kind.children[0][1].children] if kind is not None and kind.id == "list" else []
