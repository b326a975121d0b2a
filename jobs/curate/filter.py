"""`mycanvas filter`: rows by their scores, as a view, which is instant, or as a dataset of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from engine.dataset.column_bytes import column_bytes
from engine.dataset.near_duplicates import unlike
from engine.dataset.score_table import Scores, open_scores
from engine.dataset.views import Dataset, open_dataset, write_view
from engine.errors import UsageError
from engine.metrics.table import METRICS
from engine.storage.store import Store
from jobs.console import size
from planners.curate.deduplication import ALIKE, Near
from planners.curate.selection import Selection, Wanted, schema_of, select


@dataclass(frozen=True, slots=True)
class Account:
    """What a question asked and read.

    Attributes:
        steps: what was asked, and how many rows were left after it.
        reads: columns that were read, and their bytes in the files, compressed.
        table_bytes: of the whole score table.
        unmeasured: where nothing is left, scores that are asked for and that no row has.
    """

    steps: Sequence[tuple[str, int]] = ()
    reads: Mapping[str, int] = field(default_factory=dict)
    table_bytes: int = 0
    unmeasured: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows of a dataset: where they are, columns `CHOSEN` of views, ascending; and the account, if asked for."""

    dataset: Dataset
    rows: pa.Table
    account: Account

    @property
    def store(self) -> Store:
        """Where the rows are."""
        return self.dataset.store


def choose(uri: str, wanted: Wanted, *, explain: bool) -> Chosen:
    """The rows that a question chooses.

    Args:
        uri: of a dataset or a view.
        wanted: which rows.
        explain: whether to count what each step leaves, and what is read.

    Raises:
        UsageError: those of `planners.curate.selection` and `engine.dataset.views`.
        Damaged: SCORES_DAMAGED.
    """
    dataset = open_dataset(uri)
    with open_scores(dataset) as scores:
        selection = select(wanted, schema_of(scores.types()))
        if selection.near:
            scores.connection.register(ALIKE, _resembling_ids(scores, selection.near))
        rows = scores.ask(selection.rows)
        return Chosen(dataset, rows, _explain(scores, selection) if explain or not rows.num_rows else Account())


def _resembling_ids(scores: Scores, near: Near) -> pa.Table:
    """The `sample_id` of rows that resemble a better one; a row without an embedding resembles none."""
    ids = scores.ask(near.candidates).column("sample_id").combine_chunks()
    vectors: NDArray[np.float16] = np.zeros((0, 0), np.float16)
    for names, found in scores.vectors(near.column):
        if not len(vectors):
            vectors = np.zeros((len(ids), found.shape[1]), np.float16)
        places = pc.index_in(names, value_set=ids)
        asked = places.is_valid().to_numpy(zero_copy_only=False)
        vectors[places.drop_null().to_numpy()] = found[asked]
    known = np.flatnonzero(vectors.any(axis=1))
    if len(known) < len(vectors):
        vectors = vectors[known]
    return pa.table({"sample_id": ids.take(pa.array(known[~unlike(vectors, near.least)]))})


def write(chosen: Chosen, wanted: Wanted, out: str) -> None:
    """Write the chosen rows as a view.

    Raises:
        UsageError: FILTER_EMPTY, VIEW_PLACE.
    """
    refuse_nothing(chosen)
    write_view(out, chosen.dataset, chosen.rows, asdict(wanted))


def _explain(scores: Scores, selection: Selection) -> Account:
    counts = [column[0].as_py() for column in scores.ask(selection.counts).columns]
    asked = () if counts[-1] else sorted(METRICS.keys() & selection.reads)
    counted = {name: f'select count("{name}") from scores' for name in asked}  # noqa: S608 - names of ours
    unmeasured = tuple(name for name, sql in counted.items() if not scores.ask(sql).column(0)[0].as_py())
    read, total = column_bytes(scores.files, selection.reads)
    steps = [(text, count) for (text, _), count in zip(selection.steps, counts, strict=True)]
    return Account(steps, read, total, unmeasured)


def refuse_nothing(chosen: Chosen) -> None:
    """Say which part of a question left nothing.

    Raises:
        UsageError: FILTER_EMPTY; FILTER_UNMEASURED where a score is asked for that no row has.
    """
    if chosen.rows.num_rows:
        return
    fatal = next(text for text, count in chosen.account.steps if not count)
    if chosen.account.unmeasured:
        name = chosen.account.unmeasured[0]
        needs = ", ".join(METRICS[name].needs)
        raise UsageError(
            "FILTER_UNMEASURED",
            f"no row has a {name}, so none is left after: {fatal}",
            where=chosen.dataset.uri,
            why=f"it was made without a model for it ({needs})" if needs else "it was made without this score",
            fix="measure it: mycanvas score, see docs/filter.md; or ask for a score that `mycanvas stats` shows",
        )
    raise UsageError(
        "FILTER_EMPTY",
        f"no row is left after: {fatal}",
        fix="--explain shows how many rows each part leaves; `mycanvas stats` shows the range of every score",
    )


def lines(chosen: Chosen) -> list[str]:
    """What was chosen, for a person."""
    account = chosen.account
    if not account.steps:
        return [f"{chosen.rows.num_rows:,} rows chosen"]
    said = [f"{count:>12,}  {text}" for text, count in account.steps]
    names = ", ".join(sorted(account.reads))
    return [*said, f"reads {size(sum(account.reads.values()))} of {size(account.table_bytes)} of scores: {names}"]
