"""Chosen rows as a dataset of their own, shard by shard; running it again is the resume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.rewrite import rewrite
from cluster.session import session
from engine.commits import Committed, committed
from engine.dataset import VIEW
from engine.errors import UsageError
from engine.lock import claim, read_lock
from engine.manifest import all_receipts
from engine.recipe import COMMIT, Pool
from engine.rewrite import Rewrite, write_plan
from engine.sealed import digest
from engine.store import Store, open_store
from jobs.card import write_card
from jobs.console import Console, Progress
from jobs.filter import Chosen, refuse_nothing
from jobs.run import Tally
from planners.capacity import replicas

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
    chosen.dataset.require_compositions()
    unit_rows = _locked_rows(store) or _unit_rows(chosen, shard_mb)
    listed = "".join(f"{unit}:{name}\n" for unit, name in zip(*(c.to_pylist() for c in rows.columns), strict=True))
    said = {"dataset": chosen.store.uri, "rows": digest(listed.encode()), "unit_rows": unit_rows}
    claim(store, {"data": said, "chosen_by": question})
    write_plan(store, rows)
    done = committed(store, -(-rows.num_rows // unit_rows))
    if done.count:
        console.say(f"resume  {done.count:,} of {done.units:,} units are committed")
    make = Rewrite(chosen.store.uri, store.uri, unit_rows)
    progress = console.progress("rows", max(0, rows.num_rows - done.count * unit_rows))
    tally = _made(make, done, COPIES * shard_mb / 1024, address, progress)
    progress.close()
    write_card(store)
    return tally


def _made(make: Rewrite, done: Committed, memory_gb: float, address: str, progress: Progress) -> Tally:
    tally = Tally()
    if done.count == done.units:
        return tally
    pool = Pool(stages=("copy", COMMIT), memory_gb=memory_gb)
    with session(address) as capacity:
        (size,) = replicas((pool,), cpus=capacity.cpus, gpus=capacity.gpus, memory_gb=capacity.memory_gb)
        for receipt in rewrite(make, pool, size, done):
            tally = tally.plus(receipt)
            progress.advance(receipt.rows)
    return tally


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
