"""Chosen rows as a dataset of their own, shard by shard; running it again is the resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from cluster.rewrite import rewrite, rewrite_here
from engine.dataset.rewrite import Rewrite, write_plan
from engine.dataset.score_sets import ScoreSet, added_score_sets, publish_scores, score_store
from engine.dataset.score_table import open_scores
from engine.dataset.views import VIEW, Dataset
from engine.errors import UsageError
from engine.run.pool import COMMIT, Pool
from engine.storage.commits import CommittedUnits, list_committed
from engine.storage.hashes import digest
from engine.storage.lock import claim, read_lock
from engine.storage.manifest import all_receipts, write_manifest
from engine.storage.open_store import open_store
from engine.storage.store import Store
from jobs.console import Console
from jobs.curate.filter import Chosen, refuse_nothing
from jobs.report.dataset_card import write_card
from jobs.run_loop import Tally, Work, make_all

COPIES = 3  # of a unit's bytes that a worker holds at once: the rows that were read, the table, the file


def materialise(
    chosen: Chosen, out: str, *, question: Mapping[str, Any], shard_mb: int, address: str, console: Console
) -> Tally:
    """Copy rows into shards of about `shard_mb`; returns what was made by this call.

    Args:
        chosen: a dataset and rows of it.
        out: folder or bucket prefix.
        question: how they were chosen; kept in the lock.
        shard_mb: megabytes of a shard, by the average row of the dataset.
        address: of Ray.
        console: where progress is shown.

    Raises:
        UsageError: FILTER_EMPTY; FILTER_PLACE where the rows would be written into their own dataset; RUN_CHANGED
            where other rows were begun there.
    """
    refuse_nothing(chosen)
    store, rows = open_store(out), chosen.rows
    if store.uri == chosen.store.uri or store.exists(VIEW):
        what = "is the dataset itself" if store.uri == chosen.store.uri else "is a view"
        raise UsageError("FILTER_PLACE", what, where=out, fix="name another folder")
    unit_rows = _locked_rows(store) or _unit_rows(chosen, shard_mb)
    listed = "".join(f"{unit}:{name}\n" for unit, name in zip(*(c.to_pylist() for c in rows.columns), strict=True))
    said = {"dataset": chosen.store.uri, "rows": digest(listed.encode()), "unit_rows": unit_rows}
    claim(store, {"data": said, "chosen_by": question})
    own = _begin_copy(chosen.store, store, rows, unit_rows)
    whole = whole_scores(chosen, console)
    beside = [_begin_score_copy(further, store, rows, unit_rows) for further in whole]
    memory_gb = COPIES * shard_mb / 1024
    labels = ["rows", *(f"scores {further.name}" for further in whole)]
    works = [_work(label, copy, memory_gb) for label, copy in zip(labels, (own, *beside), strict=True)]
    tally = make_all(works, address, console)[0]
    for further in whole:
        write_manifest(score_store(store, further.name))
        publish_scores(store, further.name, [*further.columns.values()])
    write_card(store)
    return tally


@dataclass(frozen=True, slots=True)
class Copy:
    """Rows that go from one place to another, the units that are there, and how many rows there are to be."""

    make: Rewrite
    done: CommittedUnits
    rows: int


def _begin_copy(source: Store, out: Store, rows: pa.Table, unit_rows: int) -> Copy:
    write_plan(out, rows)
    done = list_committed(out, -(-rows.num_rows // unit_rows))
    return Copy(Rewrite(source.uri, out.uri, unit_rows), done, rows.num_rows)


def _begin_score_copy(further: ScoreSet, out: Store, rows: pa.Table, unit_rows: int) -> Copy:
    place = score_store(out, further.name)
    claim(place, {"data": read_lock(further.store)["data"]})
    return _begin_copy(further.store, place, rows, unit_rows)


def whole_scores(chosen: Chosen, console: Console) -> list[ScoreSet]:
    """The scores that were added to the dataset, if all the rows have them."""
    found = []
    for further in added_score_sets(chosen.store):
        with open_scores(Dataset(further.store.uri, further.store, chosen.rows, {})) as scores:
            there = scores.ask("select count(*) from scores").column(0)[0].as_py()
        if there == chosen.rows.num_rows:
            found.append(further)
        else:
            console.say(f"scores {further.name} stay behind: not all rows have them; score the copy anew")
    return found


def _work(label: str, copy: Copy, memory_gb: float) -> Work:
    """The units of a copy that are missing; only the last of all may be short."""
    done, unit_rows = copy.done, copy.make.unit_rows
    return Work(
        label=label,
        out=copy.make.out,
        make=partial(rewrite, copy.make),
        make_here=partial(rewrite_here, copy.make),
        pools=(Pool(stages=("copy", COMMIT), memory_gb=memory_gb),),
        done=done,
        rows=copy.rows,
        rows_left=max(0, copy.rows - done.count * unit_rows),
    )


def _locked_rows(store: Store) -> int:
    """How many rows a shard has where a copy was begun; a dataset that grew meanwhile changes nothing of it."""
    try:
        return int(read_lock(store).get("data", {}).get("unit_rows", 0))
    except FileNotFoundError:
        return 0


def _unit_rows(chosen: Chosen, shard_mb: int) -> int:
    known = list(all_receipts(chosen.store))
    stored = max(sum(receipt.accepted + receipt.rejected for receipt in known), 1)
    return max(1, round(shard_mb * 1e6 * stored / max(sum(receipt.bytes for receipt in known), 1)))
