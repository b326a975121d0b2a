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
from dataclasses import dataclass
from typing import Any

from engine.dataset.added_scores import added_score_sets
from engine.dataset.export.licenses import hub_licenses
from engine.dataset.score_table import Scores, open_scores
from engine.dataset.views import Dataset, open_dataset
from engine.errors import UsageError
from engine.storage.lock import read_lock
from engine.storage.manifest import CARD, CROISSANT, write_manifest
from engine.storage.store import Store
from engine.storage.stores import open_store
from jobs.report.croissant import croissant
from jobs.report.stats import stats

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**7, "1M<n<10M"))
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
PAINTED, PROCEDURAL = f"{IPTC}compositeWithTrainedAlgorithmicMedia", f"{IPTC}compositeSynthetic"

MODELS_USED = (
    "select m.name, m.revision, m.license, count(*) "
    "from (select unnest(models) as m from scores) group by 1, 2, 3 order by 4 desc, 1, 2"
)


@dataclass(frozen=True, slots=True)
class CardSources:
    """Where the rows come from.

    Attributes:
        licenses: of the concept photos: licence, photos, objects.
        models: name, commit or hash, licence, rows.
    """

    licenses: Sequence[tuple[str, int, int]]
    models: Sequence[tuple[str, str, str, int]]

    @property
    def painted(self) -> bool:
        """Whether a model painted: where none did, blending is among the models, under a name of our own."""
        return all(name != "mycanvas/blend" for name, *_ in self.models)


def write_card(store: Store) -> None:
    """Write both beside the data, and the manifest that has their hashes.

    Raises:
        UsageError: DATASET_EMPTY, ROWS_KIND.
    """
    dataset = open_dataset(store.uri)
    dataset.require_compositions()
    write_manifest(store)
    report = stats(store.uri)
    sources = _sources(dataset)
    name = _recipe(store)
    store.put(CARD, _text(name, report, sources).encode())
    store.put(CROISSANT, (json.dumps(croissant(name, report, sources), indent=1) + "\n").encode())
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


def _sources(dataset: Dataset) -> CardSources:
    with open_scores(dataset) as scores:
        licenses = _rows(
            scores,
            "select o.license, count(distinct o.source_sha256), count(*) "
            "from (select unnest(objects) as o from scores) group by 1 order by 3 desc, 1",
        )
        models = _rows(scores, MODELS_USED)
    for further in added_score_sets(dataset.store):
        with open_scores(open_dataset(further.store.uri)) as scores:
            known = {tuple(model[:3]) for model in models}
            models += [model for model in _rows(scores, MODELS_USED) if tuple(model[:3]) not in known]
    return CardSources(licenses, models)


def _rows(scores: Scores, sql: str) -> list[Any]:
    return [tuple(row.values()) for row in scores.ask(sql).to_pylist()]


def _recipe(store: Store) -> str:
    try:
        return str(read_lock(store).get("recipe", "")) or "filter"
    except FileNotFoundError:
        return "unknown"


def _text(name: str, report: Mapping[str, Any], sources: CardSources) -> str:
    kept = report["accepted"] / max(report["rows"], 1)
    funnel = " -> ".join(f"{step} {count:,}" for step, count in report["funnel"].items())
    return "\n".join(
        [
            *_header(report, sources),
            f"# Compositions by the recipe `{name}`",
            "",
            "Synthetic images: photographed concepts, cut out, laid out and set before another background.",
            f"{report['rows']:,} rows, {report['accepted']:,} accepted ({kept:.0%}): {funnel}.",
            "",
            "```python",
            "from datasets import load_dataset",
            "",
            'rows = load_dataset("OUT", split="train")      # OUT is this folder',
            'rows[0]["image"], rows[0]["caption"], rows[0]["objects"]',
            "```",
            "",
            "`status` is `accepted` or `rejected` (with `reasons`); rows that could not be made are in `failures/`.",
            "All columns but pixels and applied colours are in `scores/` too.",
            "",
            *_table("## Concept photos", ("licence", "photos", "objects"), sources.licenses),
            *_table("## Models", ("model", "commit or hash", "licence", "rows"), sources.models),
            *_table("## Rejected", ("reason", "rows"), list(report.get("reasons", {}).items())),
            *_table("## Scores", ("score", "5 %", "median", "95 %", "rows"), _scores(report)),
            "## Made by machines",
            "",
            "Every image is a composite of photographs and synthetic parts; in IPTC's terms:",
            f"`{_source_type(sources)}`.",
            "Captions are written by templates or models, scores by the models above; no person looked at each row.",
            "",
        ]
    )


def _header(report: Mapping[str, Any], sources: CardSources) -> list[str]:
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


def _cell(value: object) -> str:
    """What stands in a cell: names come from outside, so nothing in them is markup."""
    if isinstance(value, str):
        return html.escape(re.sub(r"([\\`*_{}\[\]|#])", r"\\\1", " ".join(value.split())), quote=False)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _scores(report: Mapping[str, Any]) -> list[tuple[object, ...]]:
    return [(name, *score["quantiles"], score["count"]) for name, score in report["scores"].items()]


def _source_type(sources: CardSources) -> str:
    return PAINTED if sources.painted else PROCEDURAL
