"""Rows that raise, refuse, kill and hang, through the real stream: what they cost, and whether each is named."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator

from benchmarks.support.child_process import ask
from benchmarks.support.figure import Figure
from engine.seeds import sample_id

SAMPLES, UNIT_SIZE = 96, 8
TIMEOUT_S = 2.0
LIMIT_S = 420.0
PLANTED = {
    "raises": (sample_id(3), sample_id(41), sample_id(47)),
    "refuses": (sample_id(12), sample_id(42)),
    "kills": (sample_id(20), sample_id(43), sample_id(70)),
    "hangs": (sample_id(29), sample_id(71)),
}  # some alone in their unit, some beside others: unit 5 holds 41, 42, 43 and 47, unit 8 holds 70 and 71
CODES = {"raises": "STAGE_RAISED", "refuses": "REFUSED", "kills": "ROW_KILLED", "hangs": "ROW_TIMEOUT"}


def run() -> list[Figure]:
    """One run in a fresh process."""
    with tempfile.TemporaryDirectory(prefix="mcb") as out:
        told = ask("benchmarks.survival.faults", out, timeout_s=LIMIT_S)
    planted = {row: CODES[kind] for kind, rows in PLANTED.items() for row in rows}
    others = {sample_id(index) for index in range(SAMPLES)} - set(planted)
    lost = len(others - set(told["kept"]))
    named = sum(told["failed"].get(row) == ["trap", code] for row, code in planted.items())
    counts = ", ".join(f"{len(rows)} {kind}" for kind, rows in PLANTED.items())
    detail = f"{counts} among {SAMPLES} rows in units of {UNIT_SIZE}; two workers; stage and code are both right"
    return [
        Figure("rows lost beside planted ones", "0", f"{lost} of {len(others)}", lost == 0, detail),
        Figure("planted rows named", "all", f"{named} of {len(planted)}", named == len(planted), detail),
    ]


def main(out: str) -> None:
    """The child: make the dataset; print the rows that are kept, and stage and code of those that failed."""
    from cluster.session import session
    from cluster.stream import stream
    from engine.rows.composition import Composition
    from engine.run.pipeline import Pipeline
    from engine.run.pool import Pool
    from engine.run.stage import Run
    from engine.storage.commits import list_committed
    from engine.storage.open_store import open_store
    from tests.support.models.standins import Draw, Finish, Numbers, Trap

    pipeline = Pipeline(
        record=Composition,
        run=Run(out=out, library="", size=64),
        run_id="bench",
        source=Numbers(SAMPLES, UNIT_SIZE),
        groups=((Draw(), Trap(timeout_s=TIMEOUT_S, **PLANTED), Finish()),),
        unit_size=UNIT_SIZE,
    )
    with session(cpus=4):
        pools = (Pool(stages=("draw", "trap", "finish", "commit")),)
        for _ in stream(pipeline, pools, (2,), list_committed(open_store(out), SAMPLES // UNIT_SIZE)):
            pass
    kept = [row["sample_id"] for row in _rows(out, "data", ["sample_id"])]
    failed = {row["sample_id"]: (row["stage"], row["code"]) for row in _rows(out, "failures", None)}
    print(json.dumps({"kept": kept, "failed": failed}))


def _rows(out: str, folder: str, columns: list[str] | None) -> Iterator[dict[str, str]]:
    from engine.storage.open_store import open_store
    from engine.storage.parquet import open_shard

    store = open_store(out)
    for entry in store.list(folder):
        with open_shard(store, entry.path) as shard:
            yield from shard.read(columns=columns).to_pylist()


if __name__ == "__main__":
    main(sys.argv[1])
