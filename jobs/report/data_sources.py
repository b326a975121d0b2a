"""Where the rows of a dataset come from: the licences of its photos, the models that had a hand in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.dataset.score_sets import added_score_sets
from engine.dataset.score_table import Scores, open_scores
from engine.dataset.views import Dataset, open_dataset

MODELS_USED = (
    "select m.name, m.revision, m.license, count(*) "
    "from (select unnest(models) as m from scores) group by 1, 2, 3 order by 4 desc, 1, 2"
)
LICENSES_USED = (
    "select o.license, count(distinct o.source_sha256), count(*) "
    "from (select unnest(objects) as o from scores) group by 1 order by 3 desc, 1"
)


@dataclass(frozen=True, slots=True)
class DataSources:
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


def sources_of(dataset: Dataset) -> DataSources:
    """The sources of all rows; the models of added scores among them.

    Raises:
        UsageError: DATASET_EMPTY.
        Damaged: SCORES_DAMAGED.
    """
    with open_scores(dataset) as scores:
        there = scores.types()
        licenses = _rows(scores, LICENSES_USED) if "objects" in there else []
        models = _rows(scores, MODELS_USED) if "models" in there else []
    for further in added_score_sets(dataset.store):
        with open_scores(open_dataset(further.store.uri)) as scores:
            known = {tuple(model[:3]) for model in models}
            models += [model for model in _rows(scores, MODELS_USED) if tuple(model[:3]) not in known]
    return DataSources(licenses, models)


def _rows(scores: Scores, sql: str) -> list[Any]:
    return [tuple(row.values()) for row in scores.ask(sql).to_pylist()]
