"""`mycanvas stats`: what became of the rows, by reason, concept and score. Reads no pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from engine.commits import data_files, failure_files, receipts
from engine.errors import UsageError
from engine.manifest import read_manifest, scores_path
from engine.parquet import open_shard, without_pixels
from engine.store import Store, open_store

OBJECT_SCORES = ("identity_psnr", "visible_fraction", "identity", "detection")
COUNTS = ("surplus",)  # whole numbers that are scores; the others are names
QUANTILES = (0.05, 0.5, 0.95)


def stats(uri: str) -> dict[str, Any]:
    """Counts and quantiles of a dataset or library.

    Raises:
        UsageError: DATASET_EMPTY.
    """
    store = open_store(uri)
    known = list(receipts(store))
    if not known:
        raise UsageError("DATASET_EMPTY", "holds no committed unit", where=uri, fix="give the --out of a compose run")
    totals = {
        name: sum(getattr(receipt, name) for receipt in known)
        for name in ("rows", "accepted", "rejected", "failed", "bytes")
    }
    table = pa.concat_tables(_slim(store, len(known)))
    return {
        "dataset": uri,
        "units": len(known),
        **totals,
        "seconds": _seconds(receipt.timings for receipt in known),
        "reasons": _counted(table, "reasons"),
        "failures": _failures(store),
        "concepts": _counted(table, "concepts" if "concepts" in table.column_names else "concept"),
        "num_objects": _counted(table, "num_objects"),
        "scores": _scores(table),
    }


def lines(report: Mapping[str, Any]) -> list[str]:
    """The report for a person."""
    kept = report["accepted"] / max(report["rows"], 1)
    out = [
        f"{report['dataset']}",
        f"  {report['rows']:,} rows in {report['units']:,} units, {report['bytes'] / 1e6:.1f} MB",
        f"  accepted {report['accepted']:,} ({kept:.0%})",
        f"  rejected {report['rejected']:,}   failed {report['failed']:,}",
    ]
    for title in ("reasons", "failures", "concepts", "num_objects"):
        if report[title]:
            out += ["", title.replace("_", " ")]
            out += [f"  {count:>7,}  {name}" for name, count in report[title].items()]
    if report["scores"]:
        out += ["", f"{'score':<28}{'5 %':>9}{'median':>9}{'95 %':>9}"]
        out += [f"  {name:<26}" + "".join(f"{value:>9.3f}" for value in row) for name, row in report["scores"].items()]
    if report["seconds"]:
        out += ["", "seconds by stage"]
        out += [f"  {seconds:>9.2f}  {stage}" for stage, seconds in report["seconds"].items()]
    return out


def _slim(store: Store, units: int) -> Iterator[pa.Table]:
    """The rows without pixels: from the summary's score tables where they cover every unit, else from the shards."""
    for path in _summary(store, units) or data_files(store):
        with open_shard(store, path) as shard:
            columns = [name for name in without_pixels(shard) if name.split(".")[0] != "objects"]
            if "objects" in shard.schema_arrow.names:
                columns += [f"objects.list.element.{score}" for score in OBJECT_SCORES]
            yield shard.read(columns=columns)


def _summary(store: Store, units: int) -> list[str]:
    try:
        segments = read_manifest(store).segments
    except FileNotFoundError:
        return []
    covered = sum(segment.units for segment in segments) == units
    return [scores_path(segment.number) for segment in segments] if covered else []


def _counted(table: pa.Table, column: str) -> dict[str, int]:
    if column not in table.column_names:
        return {}
    values = table.column(column)
    if pa.types.is_list(values.type):
        values = pc.list_flatten(values)
    return {str(name): count for name, count in Counter(values.to_pylist()).most_common()}


def _failures(store: Store) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for path in failure_files(store):
        with open_shard(store, path) as shard:
            rows = shard.read(columns=["stage", "code"]).to_pylist()
        counted.update(f"{row['stage']}  {row['code']}" for row in rows)
    return dict(counted.most_common())


def _scores(table: pa.Table) -> dict[str, list[float]]:
    found = {}
    columns = {f.name: table.column(f.name) for f in table.schema if pa.types.is_floating(f.type) or f.name in COUNTS}
    if "objects" in table.column_names:
        objects = pc.list_flatten(table.column("objects"))
        there = [
            score for score in OBJECT_SCORES if objects.type.get_field_index(score) >= 0
        ]  # older shards have fewer
        columns.update({f"objects.{score}": pc.struct_field(objects, score) for score in there})
    for name, values in columns.items():
        known = values.drop_null()
        if len(known) and name != "ground_line":
            found[name] = [float(value) for value in pc.quantile(known, list(QUANTILES)).to_pylist()]
    return found


def _seconds(timings: Iterable[Mapping[str, float]]) -> dict[str, float]:
    spent: Counter[str] = Counter()
    for timing in timings:
        spent.update(timing)
    return {stage: round(seconds, 2) for stage, seconds in spent.items()}
