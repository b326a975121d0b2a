"""`mycanvas stats`: what became of the rows, by reason, concept and score. Reads no pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from engine.dataset.score_table import Scores, open_scores
from engine.dataset.views import Dataset, open_dataset
from engine.errors import UsageError
from engine.metrics.table import METRICS, MetricTable, table_of
from engine.photos.photo_log import read_left_out
from engine.storage.commits import failure_files
from engine.storage.extents import read_extents
from engine.storage.manifest import all_receipts
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from engine.storage.store import Store
from planners.curate.statistics import bins, by_concept, counts, histogram, moments, score_sources

SHOWN = 30  # concepts in the table for a person
SPARK = "▁▂▃▄▅▆▇█"


def stats(uri: str, metrics: MetricTable | None = None) -> dict[str, Any]:
    """Counts, quantiles and histograms of a dataset, a view or a library.

    Args:
        uri: of the dataset.
        metrics: which of its columns are scores; none: those of the engine and of the kind of its rows.

    Raises:
        UsageError: DATASET_EMPTY.
    """
    dataset = open_dataset(uri)
    metrics = _metrics_of(dataset) if metrics is None else metrics
    with open_scores(dataset) as scores:
        types = scores.types()
        report = {"dataset": uri, **_totals(dataset, scores)}
        for title in ("reasons", "concepts", "concept", "num_objects", "scene"):
            if title in types:
                report["concepts" if title == "concept" else title] = _pairs(scores, counts(types, title))
        report["scores"] = _scores(scores, score_sources(types, metrics))
        report["by_concept"] = scores.ask(by_concept(types, metrics)).to_pylist() if "objects" in types else []
    report["left out"] = {} if dataset.view else _left_out(dataset.store)
    report["failures"] = {} if dataset.view else _failures(dataset.store)
    return report


def _metrics_of(dataset: Dataset) -> MetricTable:
    """The scores of the engine, and those of the kind of the rows, where it is known."""
    try:
        return {**METRICS, **table_of(dataset.record())}
    except UsageError:  # ROWS_KIND: numbers are told all the same; DATASET_EMPTY is said when scores are opened
        return METRICS


def _totals(dataset: Dataset, scores: Scores) -> dict[str, Any]:
    """Units, rows by status, bytes, seconds by stage and the way from plan to choice; of a view, those of its rows."""
    made = Counter(_pairs(scores, "select status, count(*) from scores group by status"))
    if dataset.view:
        rows = sum(made.values())
        units = len(list(dataset.shards()))
        return {"units": units, "rows": rows, "accepted": made["accepted"], "rejected": made["rejected"], "failed": 0}
    known = list(all_receipts(dataset.store))
    totals = {
        name: sum(getattr(receipt, name) for receipt in known)
        for name in ("rows", "accepted", "rejected", "failed", "bytes")
    }
    planned = read_extents(dataset.store).samples or totals["rows"]
    funnel = {"planned": planned, "tried": totals["rows"], "made": totals["rows"] - totals["failed"]}
    funnel["accepted"] = totals["accepted"]
    return {"units": len(known), **totals, "funnel": funnel, "seconds": _seconds(item.timings for item in known)}


def _pairs(scores: Scores, sql: str) -> dict[str, int]:
    return {
        str(name): count
        for name, count in zip(*(column.to_pylist() for column in scores.ask(sql).columns), strict=True)
    }


def _scores(scores: Scores, sources: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    found = {}
    for name, source in sources.items():
        count, low, high, mean, quantiles = (column[0].as_py() for column in scores.ask(moments(source)).columns)
        if not count:
            continue
        counted = scores.ask(histogram(source, low, high))
        found[name] = {
            "count": count, "least": low, "largest": high, "mean": mean, "quantiles": quantiles,
            "histogram": bins(dict(zip(*(column.to_pylist() for column in counted.columns), strict=True))),
        }  # fmt: skip
    return found


def lines(report: Mapping[str, Any]) -> list[str]:
    """The report for a person."""
    out = [str(report["dataset"]), *_summary(report)]
    for title in ("left out", "reasons", "failures", "concepts", "num_objects"):
        if report.get(title):
            named = list(report[title].items())
            out += ["", title.replace("_", " "), *(f"  {count:>7,}  {name}" for name, count in named[:SHOWN])]
            out += [f"  {'…':>7}  {len(named) - SHOWN:,} more"] if len(named) > SHOWN else []
    if report["scores"]:
        out += ["", f"{'score':<28}{'5 %':>9}{'median':>9}{'95 %':>9}   least to largest"]
        out += [_score_line(name, score) for name, score in report["scores"].items()]
    if report.get("seconds"):
        out += ["", "seconds by stage"]
        out += [f"  {seconds:>9.2f}  {stage}" for stage, seconds in report["seconds"].items()]
    return out


def _summary(report: Mapping[str, Any]) -> list[str]:
    kept = report["accepted"] / max(report["rows"], 1)
    size = f", {report['bytes'] / 1e6:.1f} MB" if "bytes" in report else ""
    said = [
        f"  {report['rows']:,} rows in {report['units']:,} units{size}",
        f"  accepted {report['accepted']:,} ({kept:.0%})",
    ]
    said.append(f"  rejected {report['rejected']:,}   failed {report['failed']:,}")
    if funnel := report.get("funnel"):
        said.append("  " + " -> ".join(f"{name} {count:,}" for name, count in funnel.items()))
    return said


def _score_line(name: str, score: Mapping[str, Any]) -> str:
    most = max(score["histogram"])
    spark = "".join(SPARK[count * (len(SPARK) - 1) // most] if count else " " for count in score["histogram"])
    return f"  {name:<26}" + "".join(f"{value:>9.3f}" for value in score["quantiles"]) + f"   {spark}"


def _failures(store: Store) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for path in failure_files(store):
        with open_shard(store, path) as shard:
            rows = shard.read(columns=["stage", "code"]).to_pylist()
        counted.update(f"{row['stage']}  {row['code']}" for row in rows)
    return dict(counted.most_common())


def _left_out(store: Store) -> dict[str, int]:
    """Photos that were left out of the library, or of the one inside a dataset, by reason."""
    said = read_left_out(store) or read_left_out(open_store(f"{store.uri}/library"))
    return {why: len(paths) for why, paths in sorted(said.items())}


def _seconds(timings: Iterable[Mapping[str, float]]) -> dict[str, float]:
    spent: Counter[str] = Counter()
    for timing in timings:
        spent.update(timing)
    return {stage: round(seconds, 2) for stage, seconds in spent.items()}
