"""Further scores beside a dataset: a dataset of their own, without images, whose rows are joined by `sample_id`.

``_scores/<name>/`` holds its shards, receipts and score table; ``_scores/<name>.json`` is written when it is whole, and
says which columns it adds. A score keeps its name and gets that of its model: ``identity__dinov2``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from engine.errors import Damaged
from engine.rows.added_scores import AddedScores
from engine.rows.metric import metric_fields
from engine.storage.hashes import seal, unseal
from engine.storage.open_store import open_store
from engine.storage.store import Store

FOLDER = "_scores"
NAME = r"[a-z0-9][a-z0-9_]{0,31}"
_KIND = "scores"


@dataclass(frozen=True, slots=True)
class ScoreSet:
    """Scores that were added: in which dataset they lie, and each of its columns by the name that it gets."""

    name: str
    store: Store
    columns: Mapping[str, str]


def score_store(store: Store, name: str) -> Store:
    """Where the scores called `name` lie, or will."""
    return open_store(f"{store.uri}/{FOLDER}/{name}")


def publish_scores(store: Store, name: str, columns: Sequence[str]) -> None:
    """Make scores, all of which are there, columns of the dataset."""
    store.put(f"{FOLDER}/{name}.json", seal(_KIND, {"columns": list(columns)}))


def added_score_sets(store: Store) -> Iterator[ScoreSet]:
    """All that were added, by name.

    Raises:
        Damaged: SEAL_BROKEN, SCORES_DAMAGED.
    """
    for file in sorted(store.names(FOLDER)):
        if file.endswith(".json"):
            name, path = file.removesuffix(".json"), f"{FOLDER}/{file}"
            columns = unseal(store.read(path), _KIND, where=path).get("columns")
            known = {field.name for field in fields(AddedScores)}
            if not re.fullmatch(NAME, name) or not isinstance(columns, list) or not known.issuperset(columns):
                raise Damaged(
                    "SCORES_DAMAGED",
                    "adds columns that no scores have",
                    where=path,
                    fix="remove the file, and score again",
                )
            yield ScoreSet(name, score_store(store, name), {_public_name(column, name): column for column in columns})


def _public_name(column: str, name: str) -> str:
    """What a column is called in the dataset: one that no model made is the same in all, and enough once."""
    spec = metric_fields(AddedScores).get(column)
    if spec is None:
        return f"{column}__{name}"
    return f"{spec.column}__{name}" if spec.needs else spec.column
