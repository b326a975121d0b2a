"""How much memory do commands take on a stranger's dataset that is made to take gigabytes?

Six kinds: masks of 13,300 pixels a side; ten million rows in one small file; a file numbered 999,999,999; one caption
of a megabyte in 20,000 rows that share it; twenty million names in one row; and metadata of 40 MB.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.support.child_process import MYCANVAS, ROOT, environment
from benchmarks.support.figure import Figure
from engine.rows.composition import Composition
from engine.rows.schema import to_table
from engine.storage.open_store import open_store
from engine.storage.parquet import write_table
from tests.support.data.units import COLUMNS, make_run, row

LIMIT_MB, LIMIT_S = 1500, 120.0
SHARD = "data/part-00000000.parquet"
COMMANDS = {
    "stats": ["stats", "{set}"],
    "verify": ["verify", "{set}"],
    "query": ["query", "{set}", "select * from scores"],
    "filter": ["filter", "{set}", "--where", "seam < 0.5", "--view", "{out}/view"],
    "gallery": ["gallery", "{set}", "-o", "{out}/page.html"],
    "card": ["card", "{set}"],
    "compare": ["compare", "{set}", "{set}"],
    "gc": ["gc", "{set}"],
    **{
        f"export {kind}": ["export", "{set}", "--to", kind, "--out", "{out}/" + kind]
        for kind in ("webdataset", "hf", "coco", "fiftyone", "kohya", "diffusers")
    },
}


def run() -> list[Figure]:
    """Every command on every bomb, in a process of its own."""
    figures = []
    for name, plant in BOMBS.items():
        taken: dict[str, int] = {}
        for command, words in COMMANDS.items():
            with tempfile.TemporaryDirectory(prefix="mcb") as folder:
                dataset = Path(folder, "set")
                make_run(open_store(str(dataset)), samples=8)
                plant(dataset)
                for derived in ("_manifest", "scores", "_commits"):  # all is read from the shards
                    shutil.rmtree(dataset / derived)
                taken[command] = _peak_mb([word.format(set=dataset, out=folder) for word in words])
        worst = max(taken, key=taken.__getitem__)
        detail = ", ".join(f"{command} {peak}" for command, peak in taken.items())
        told = f"{taken[worst]} MB, {worst}"
        figures.append(Figure(f"memory on {name}", f"<= {LIMIT_MB} MB", told, taken[worst] <= LIMIT_MB, detail))
    return figures


def _peak_mb(words: list[str]) -> int:
    """The most memory that a command and its children had at once; a command that does not end took all."""
    child = psutil.Popen([*MYCANVAS, *words], cwd=ROOT, env=environment(), stdout=-3, stderr=-3)
    most, began = 0, time.monotonic()
    while child.poll() is None:
        most = max(most, sum(_resident(child)))
        if most > 8 * LIMIT_MB * 10**6 or time.monotonic() - began > LIMIT_S:
            for process in (*child.children(recursive=True), child):
                process.kill()
            return 99_999
        time.sleep(0.02)
    return round(most / 1e6)


def _resident(child: psutil.Process) -> Iterator[int]:
    try:
        for process in (child, *child.children(recursive=True)):
            yield process.memory_info().rss - process.memory_info().shared
    except psutil.Error:
        return


def _large_masks(dataset: Path) -> None:
    sink = io.BytesIO()
    Image.new("1", (13_300, 13_300)).save(sink, "PNG")
    rows = [row(index, 0) for index in range(4)]
    spoilt = [replace(one, objects=tuple(replace(each, mask=sink.getvalue()) for each in one.objects)) for one in rows]
    _write(dataset, to_table(Composition, spoilt, COLUMNS))


def _many_rows(dataset: Path) -> None:
    table = pa.table({"sample_id": pa.array(np.zeros(10_000_000, np.int8))})
    pq.write_table(table, dataset / SHARD, compression="zstd")


def _far_number(dataset: Path) -> None:
    (dataset / SHARD).rename(dataset / "data" / "part-999999999.parquet")


def _shared_caption(dataset: Path) -> None:
    """A dictionary holds the caption once: 20 GB in 60 KB."""
    table = to_table(Composition, [row(0, 0)] * 20_000, COLUMNS)
    _write(dataset, _with(table, "caption", pa.DictionaryArray.from_arrays(np.zeros(20_000, np.int32), ["a" * 10**6])))


def _many_objects(dataset: Path) -> None:
    table = to_table(Composition, [replace(row(0, 0), concepts=("mug",) * 20_000_000)], COLUMNS)
    _write(dataset, table)


def _long_metadata(dataset: Path) -> None:
    table = to_table(Composition, [row(0, 0)], COLUMNS)
    (dataset / SHARD).write_bytes(write_table(table, metadata={"failures": "[" * 40_000_000}))


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def _write(dataset: Path, table: pa.Table) -> None:
    """With the account of failed rows that the shard had, without which it would be refused for that."""
    known = pq.read_schema(dataset / SHARD).metadata
    pq.write_table(table.replace_schema_metadata(known), dataset / SHARD, compression="zstd")


BOMBS: dict[str, Callable[[Path], None]] = {
    "masks of 13,300 x 13,300": _large_masks,
    "ten million rows": _many_rows,
    "a file numbered 999,999,999": _far_number,
    "20 GB of one caption": _shared_caption,
    "twenty million names in a row": _many_objects,
    "metadata of 40 MB": _long_metadata,
}
