"""The dataset card: what the rows are, what made them, under which licences, how many were kept, how to load them.

``README.md`` for people and hubs, ``croissant.json`` for programs (`jobs.report.croissant`). Both are made of what is
stored
and can be made again: `mycanvas card`.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.dataset.export.hub_licenses import hub_licenses
from engine.dataset.views import open_dataset
from engine.errors import UsageError
from engine.rows.composition import Composition
from engine.rows.kinds import kind_of
from engine.rows.schema import column_names
from engine.storage.lock import read_lock
from engine.storage.manifest import CARD, CROISSANT, write_manifest
from engine.storage.open_store import open_store
from engine.storage.store import Store
from jobs.report.croissant import croissant
from jobs.report.data_sources import DataSources, sources_of
from jobs.report.stats import stats

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**7, "1M<n<10M"))
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
PAINTED, PROCEDURAL = f"{IPTC}compositeWithTrainedAlgorithmicMedia", f"{IPTC}compositeSynthetic"

TITLES: Mapping[type, str] = {Composition: "Compositions"}
ABOUT: Mapping[type, str] = {
    Composition: "Synthetic images: photographed concepts, cut out, laid out and set before another background."
}
"""What is said of rows of a kind, where it is more than the first line of their record's description."""


def write_card(store: Store) -> None:
    """Write both beside the data, and the manifest that has their hashes.

    Raises:
        UsageError: DATASET_EMPTY, ROWS_KIND.
    """
    dataset = open_dataset(store.uri)
    record = dataset.record()
    write_manifest(store)
    report = stats(store.uri)
    sources = sources_of(dataset)
    name = _recipe(store)
    store.put(CARD, _text(name, record, report, sources, _chosen_from(store)).encode())
    columns = column_names(record, stored=True)
    store.put(CROISSANT, (json.dumps(croissant(name, columns, report, sources), indent=1) + "\n").encode())
    write_manifest(store)


def card(uri: str) -> str:
    """Write the card of a dataset anew; where it is.

    Raises:
        UsageError: CARD_VIEW, and those of `write_card`.
    """
    dataset = open_dataset(uri)
    if dataset.view:
        raise UsageError(
            "CARD_VIEW", "a view has no card", where=uri, fix="`mycanvas filter --out` makes a dataset of its rows"
        )
    write_card(dataset.store)
    return f"{open_store(uri).uri}/{CARD}"


def _recipe(store: Store) -> str:
    try:
        return str(read_lock(store).get("recipe", "")) or "filter"
    except FileNotFoundError:
        return "unknown"


def _chosen_from(store: Store) -> list[str]:
    """What a filtered dataset was chosen from, and how; nothing for others. Of the place only its last name."""
    try:
        lock = read_lock(store)
    except FileNotFoundError:
        return []
    question = {key: value for key, value in (lock.get("chosen_by") or {}).items() if value not in (None, "", [], ())}
    if not question:
        return []
    name = str(lock.get("data", {}).get("dataset", "")).rstrip("/").rpartition("/")[2]
    asked = ", ".join(f"{key} {value}" for key, value in sorted(question.items()))
    return [f"Chosen from the dataset {_cell(name)} by: {_cell(asked)}.", ""]


def _text(name: str, record: type, report: Mapping[str, Any], sources: DataSources, chosen: Sequence[str] = ()) -> str:
    kept = report["accepted"] / max(report["rows"], 1)
    funnel = " -> ".join(f"{step} {count:,}" for step, count in report["funnel"].items())
    return "\n".join(
        [
            *_header(report, sources),
            f"# {TITLES.get(record, f'Rows of the kind {kind_of(record)!r}')} by the recipe `{_code(name)}`",
            "",
            ABOUT.get(record) or (record.__doc__ or "").strip().splitlines()[0],
            f"{report['rows']:,} rows, {report['accepted']:,} accepted ({kept:.0%}): {funnel}.",
            "",
            *chosen,
            *_loading(column_names(record, stored=True)),
            "`status` is `accepted` or `rejected` (with `reasons`); rows that could not be made are in `failures/`.",
            "All columns but pixels and applied colours are in `scores/` too.",
            "",
            *_table("## Concept photos", ("licence", "photos", "objects"), sources.licenses),
            *_table("## Models", ("model", "commit or hash", "licence", "rows"), sources.models),
            *_table("## Rejected", ("reason", "rows"), list(report.get("reasons", {}).items())),
            *_table("## Scores", ("score", "5 %", "median", "95 %", "rows"), _scores(report)),
            *(_machines(sources) if record is Composition else ()),
        ]
    )


def _loading(columns: Sequence[str]) -> list[str]:
    """How the rows are read."""
    shown = [f'rows[0]["{name}"]' for name in ("image", "caption", "objects") if name in columns]
    return [
        "```python",
        "from datasets import load_dataset",
        "",
        'rows = load_dataset("OUT", split="train")      # OUT is this folder',
        ", ".join(shown) or "rows[0]",
        "```",
        "",
    ]


def _machines(sources: DataSources) -> list[str]:
    """What machines had a hand in, for who must say so."""
    return [
        "## Made by machines",
        "",
        "Every image is a composite of photographs and synthetic parts; in IPTC's terms:",
        f"`{_source_type(sources)}`.",
        "Captions are written by templates or models, scores by the models above; no person looked at each row.",
        "",
    ]


def _header(report: Mapping[str, Any], sources: DataSources) -> list[str]:
    size = next((name for limit, name in SIZES if report["rows"] < limit), "10M<n<100M")
    known = hub_licenses(str(license_) for license_, *_ in sources.licenses)
    return [
        "---",
        "license:",
        *(f"- {name}" for name in known),
        "language:\n- en",
        "task_categories:\n- text-to-image",
        f"size_categories:\n- {size}",
        "annotations_creators:\n- machine-generated",
        "source_datasets:\n- original",
        "tags:\n- synthetic\n- image\n- mycanvas",
        "configs:",
        "- config_name: default\n  data_files: data/*.parquet\n  default: true",
        "- config_name: scores\n  data_files: scores/*.parquet",
        "---",
        "",
    ]


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    if not rows:
        return []
    head = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return [title, "", *head, *(f"| {' | '.join(map(_cell, row))} |" for row in rows), ""]


def _code(text: str) -> str:
    """What stands in a span of code: nothing in it ends the span, and no reader that knows no spans runs it."""
    return html.escape("".join(letter for letter in text if letter.isprintable() and letter != "`"), quote=False)


def _cell(value: object) -> str:
    """What stands in a cell: names come from outside, so nothing in them is markup."""
    if isinstance(value, str):
        shown = "".join(letter if letter.isprintable() else " " for letter in value)
        return html.escape(re.sub(r"([\\`*_{}\[\]|#])", r"\\\1", " ".join(shown.split())), quote=False)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _scores(report: Mapping[str, Any]) -> list[tuple[object, ...]]:
    return [(name, *score["quantiles"], score["count"]) for name, score in report["scores"].items()]


def _source_type(sources: DataSources) -> str:
    return PAINTED if sources.painted else PROCEDURAL
