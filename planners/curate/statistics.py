"""What is told of a dataset's scores, as SQL over its score table and as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.dataset.sql import quote_name

OBJECT_SCORES = ("identity_psnr", "visible_fraction", "identity", "detection", "cut_edge")
COUNTS = ("surplus", "surplus_instances")  # whole numbers that are scores; the others are names
NO_SCORES = ("ground_line",)
QUANTILES = (0.05, 0.5, 0.95)
BINS = 20
MEANS = {
    "clip_score": "clip_score",
    "identity": "o.identity",
    "identity_psnr": "o.identity_psnr",
    "detection": "o.detection",
}


def score_sources(types: Mapping[str, Any]) -> dict[str, str]:
    """Every score by name, with SQL for its values, column `x`.

    Args:
        types: DuckDB's type of each column of the table `scores`.
    """
    found = {}
    for name, kind in types.items():
        if name not in NO_SCORES and (kind.id in ("double", "float") or name.split("__")[0] in COUNTS):
            found[name] = f"select {quote_name(name)} as x from scores"
        elif "__" in name and kind.id == "list" and kind.children[0][1].id == "double":  # one number for each object
            found[name] = f"select unnest({quote_name(name)}) as x from scores"
    for field in _object_fields(types):
        if field in OBJECT_SCORES:
            found[f"objects.{field}"] = (
                f"select o.{quote_name(field)} as x from (select unnest(objects) as o from scores)"
            )
    return found


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


def by_concept(types: Mapping[str, Any]) -> str:
    """SQL for rows of a concept, how often it is there and accepted, and its mean scores."""
    there = [name for name, sql in MEANS.items() if sql in types or name in _object_fields(types)]
    means = "".join(f", avg({MEANS[name]}) as {name}" for name in there)
    every = ", clip_score" if "clip_score" in types else ""
    rows = f"select status{every}, unnest(objects) as o from scores"
    accepted = "count(*) filter (status = 'accepted')"
    told = f"o.concept as concept, count(*) as objects, {accepted} as accepted{means}"
    return f"select {told} from ({rows}) group by 1 order by 1"


def _object_fields(types: Mapping[str, Any]) -> list[str]:
    kind = types.get("objects")
    return [field for field, _ in kind.children[0][1].children] if kind is not None and kind.id == "list" else []
