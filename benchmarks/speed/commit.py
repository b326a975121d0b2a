"""What a commit costs beside the bare writing of the same bytes."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.support.child_process import ROOT
from benchmarks.support.figure import Figure
from engine.rows.composition import Composition
from engine.rows.schema import column_names, to_table
from engine.rows.values import ACCEPTED
from engine.seeds import sample_id, sample_seed
from engine.storage.commits import commit_unit
from engine.storage.open_store import open_store
from engine.storage.receipts import data_path
from engine.storage.store import Store

ROWS, IMAGE_BYTES = 64, 200_000
ROUNDS = 40


def run() -> list[Figure]:
    """Both write the same bytes to one folder of a disk, in turns, each as often first as second."""
    with tempfile.TemporaryDirectory(prefix="mcb", dir=ROOT) as name:  # the disk of the checkout: /tmp may be memory
        folder, store = Path(name), open_store(name)
        _commit(store, 0)  # warms up, and shows how a shard is written
        model = folder / data_path(0)
        pairs = [_pair(folder, store, number, model) for number in range(1, ROUNDS + 1)]
    own, other = [own for own, _ in pairs], [other for _, other in pairs]
    ratio = median(own) / median(other)
    each = np.percentile([own / other for own, other in pairs], [25, 75])
    detail = (
        f"{median(own) * 1e3:.0f} ms against {median(other) * 1e3:.0f} ms, medians of {ROUNDS}; "
        f"middle half of the pairs {each[0]:.2f} to {each[1]:.2f}; the files are equal"
    )
    return [Figure("commit of a unit against bare encode, write, fsync", "<= 1.2", ratio, ratio <= 1.2, detail)]


def _pair(folder: Path, store: Store, number: int, model: Path) -> tuple[float, float]:
    """Seconds of a commit and of a bare writing. Both files go afterwards, or each round would meet fresh memory."""
    bare, committed = folder / "bare.parquet", folder / data_path(number)
    if number % 2:
        own, other = _commit(store, number), _bare(bare, number, model)
    else:
        other, own = _bare(bare, number, model), _commit(store, number)
    if bare.read_bytes() != committed.read_bytes():
        raise AssertionError("the bare writer wrote other bytes: the comparison is void")
    bare.unlink()
    committed.unlink()
    return own, other


def unit(number: int) -> pa.Table:
    """A unit of random bytes in place of pictures; no two are alike."""
    draw = np.random.default_rng(number)
    names = [sample_id(number * ROWS + row) for row in range(ROWS)]
    rows = [
        Composition(
            sample_id=name,
            unit_id=number,
            seed=sample_seed(0, name),
            image=draw.bytes(IMAGE_BYTES),
            caption=f"a photo of {name}",
            status=ACCEPTED,
        )
        for name in names
    ]
    return to_table(Composition, rows, column_names(Composition, stored=True))


def _commit(store: Store, number: int) -> float:
    table = unit(number)
    began = time.perf_counter()
    commit_unit(store, number, table, [], attempt=1, timings={})
    return time.perf_counter() - began


def _bare(target: Path, number: int, model: Path) -> float:
    """The same file by `pq.write_table` and fsync."""
    table = unit(number).combine_chunks().replace_schema_metadata(pq.read_schema(model).metadata)
    options = _options(model)
    began = time.perf_counter()
    with target.open("xb") as file:
        pq.write_table(table, file, **options)
        file.flush()
        os.fsync(file.fileno())
    return time.perf_counter() - began


def _options(path: Path) -> dict[str, object]:
    """The writer's options, read from a file that the engine wrote."""
    group = pq.read_metadata(path).row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    light = [column.path_in_schema for column in columns if column.compression != "UNCOMPRESSED"]
    return {
        "row_group_size": group.num_rows,
        "compression": {c.path_in_schema: "ZSTD" if c.path_in_schema in light else "NONE" for c in columns},
        "use_dictionary": light,
        "write_statistics": light,
        "write_page_index": True,
        "write_page_checksum": True,
        "use_content_defined_chunking": True,
    }
