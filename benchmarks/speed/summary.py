"""What the summary of a run takes after its last commit, against reading every receipt and every shard again."""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa

from benchmarks.support.child_process import ROOT, ask
from benchmarks.support.curate_data import SCORES, rows_block
from benchmarks.support.figure import Figure, spread
from engine.seeds import sample_id
from engine.storage.commits import commit_unit, list_committed
from engine.storage.hashes import digest, seal, unseal
from engine.storage.manifest import (
    FOLDER,
    MANIFEST,
    SEGMENT_UNITS,
    read_manifest,
    scores_path,
    segment_path,
    write_manifest,
)
from engine.storage.manifest import SCORES as SCORES_FOLDER
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard, without_pixels, write_table
from engine.storage.receipts import Receipt, data_path
from engine.storage.slim_rows import slim_rows
from engine.storage.store import Store

UNITS, UNIT_ROWS, IMAGE_BYTES = 10_000, 64, 100
ROUNDS = 3
LIMIT = 0.2
LIMIT_S = 1800.0
_OLD_RECEIPTS = "old_receipts"
_THREADS = 8
_COLOURS = ("objects.list.element.color_gain", "objects.list.element.color_offset")


@dataclass(frozen=True, slots=True)
class Took:
    """Of one summary in a fresh process: seconds by the clock and of CPU, highest resident MB; hash of all scores."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    scores: str


def run() -> list[Figure]:
    """Both summarise the same units, in turns, after a round that warms up the cache."""
    with tempfile.TemporaryDirectory(prefix="mcb", dir=ROOT) as folder:  # a disk: /tmp may be memory
        write_units(folder, UNITS)
        pairs = [(_ask("old", folder), _ask("new", folder)) for _ in range(ROUNDS + 1)][1:]
        if len({took.scores for pair in pairs for took in pair}) != 1:
            raise AssertionError("the two ways made different scores: the comparison is void")
    old, new = [old for old, _ in pairs], [new for _, new in pairs]
    ratio = median(after.wall_s / before.wall_s for before, after in pairs)
    cpu = median(after.cpu_s / before.cpu_s for before, after in pairs)
    detail = (
        f"{median(took.wall_s for took in new):.1f} s against {median(took.wall_s for took in old):.1f} s for "
        f"{UNITS:,} units of {UNIT_ROWS} rows, {spread([b.wall_s / a.wall_s for a, b in pairs])}; of CPU {cpu:.2f}; "
        f"at most {max(took.peak_mb for took in new):.0f} MB against {max(took.peak_mb for took in old):.0f} MB; "
        "the scores are equal, byte by byte"
    )
    return [
        Figure(f"summary of {UNITS:,} units, from receipts / from shards", f"<= {LIMIT}", ratio, ratio <= LIMIT, detail)
    ]


def _ask(way: str, folder: str) -> Took:
    return Took(**ask("benchmarks.speed.summary", way, folder, timeout_s=LIMIT_S))


def write_units(folder: str, units: int) -> None:
    """Commit units without a summary, and beside them their receipts as JSON, as they once were."""
    store = open_store(folder)
    block = rows_block(UNIT_ROWS)
    with ThreadPoolExecutor(_THREADS) as pool:  # they wait for the disk most of the time
        receipts = list(pool.map(partial(_commit, store, block), range(units)))
    beside = Path(folder, _OLD_RECEIPTS)
    beside.mkdir()
    for receipt in receipts:
        (beside / f"{receipt.unit_id:08d}.json").write_bytes(seal("receipt", asdict(receipt)))


def _commit(store: Store, block: pa.Table, unit_id: int) -> Receipt:
    draw = np.random.default_rng(unit_id)
    first = unit_id * UNIT_ROWS
    drawn = {
        "sample_id": pa.array([sample_id(first + row) for row in range(UNIT_ROWS)]),
        "unit_id": pa.array(np.full(UNIT_ROWS, unit_id)),
        "image": pa.array(
            [{"bytes": draw.bytes(IMAGE_BYTES), "path": None}] * UNIT_ROWS, block.schema.field("image").type
        ),
        **{name: pa.array(draw.normal(0.28, 0.05, UNIT_ROWS)) for name in SCORES},
    }
    table = block
    for name, values in drawn.items():
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), values)
    return commit_unit(store, unit_id, table, [], attempt=1, timings={"paste": 1.5, "score": 20.25})[0]


def summarise_from_shards(store: Store) -> None:
    """The summary as it was made before receipts had rows: every receipt and every shard is read."""
    units, segments = list_committed(store).ids().tolist(), []
    for start in range(0, len(units), SEGMENT_UNITS):
        ids, number = units[start : start + SEGMENT_UNITS], start // SEGMENT_UNITS
        with ThreadPoolExecutor(_THREADS) as pool:
            receipts = list(pool.map(partial(_old_receipt, store), ids))
            tables = list(pool.map(partial(_rows_of_shard, store), ids))
        segments.append(_write_segment(store, number, receipts, tables))
    list_committed(store)
    store.put(MANIFEST, seal("manifest", {"totals": {}, "schema": "", "segments": segments, "files": {}}))


def _write_segment(
    store: Store, number: int, receipts: Sequence[Receipt], tables: Sequence[pa.Table]
) -> dict[str, int | str]:
    scores = write_table(slim_rows(pa.concat_tables(tables)), metadata={})
    store.put(scores_path(number), scores)
    text = seal("segment", {"segment": number, "receipts": [asdict(receipt) for receipt in receipts]})
    store.put(segment_path(number), text)
    return {"number": number, "blake2b": digest(text), "scores_blake2b": digest(scores)}


def _old_receipt(store: Store, unit_id: int) -> Receipt:
    path = f"{_OLD_RECEIPTS}/{unit_id:08d}.json"
    return Receipt(**unseal(store.read(path), "receipt", where=path))


def _rows_of_shard(store: Store, unit_id: int) -> pa.Table:
    with open_shard(store, data_path(unit_id)) as shard:
        wanted = [path for path in without_pixels(shard) if not path.startswith(_COLOURS)]
        return shard.read(columns=wanted).replace_schema_metadata(None)


def main(way: str, folder: str) -> None:
    """The child: summarise once, one way or the other, as if for the first time."""
    for made in (FOLDER, SCORES_FOLDER):
        shutil.rmtree(Path(folder, made), ignore_errors=True)
    store = open_store(folder)
    began = time.perf_counter(), time.process_time()
    (summarise_from_shards if way == "old" else write_manifest)(store)
    wall_s, cpu_s = time.perf_counter() - began[0], time.process_time() - began[1]
    if way == "new" and sum(segment.units for segment in read_manifest(store).segments) != list_committed(store).count:
        raise AssertionError("not all units were summarised")
    scores = "".join(
        digest(store.read(entry.path)) for entry in sorted(store.list(SCORES_FOLDER), key=lambda e: e.path)
    )
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(asdict(Took(wall_s, cpu_s, peak_mb, digest(scores.encode())))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
