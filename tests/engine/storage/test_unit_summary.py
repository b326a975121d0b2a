import os
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from engine.errors import Damaged
from engine.storage.commits import read_unit_summary
from engine.storage.open_store import open_store
from engine.storage.receipts import receipt_path
from engine.storage.unit_summary import UnitSummary, derive, pack_summary, unpack_summary
from tests.support.data.units import commit

ROOT = Path(__file__).parents[3]


def checked(content):
    """Bytes with the checksum behind them that receipts have."""
    return content + zlib.crc32(content).to_bytes(4, "little")


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


@pytest.fixture
def summary(store):
    commit(store, 3, 0, 14)
    return read_unit_summary(store, 3)


def test_a_receipt_has_the_rows_of_its_data_file_without_pixels(store, summary):
    derived, failures = derive(store.read(summary.receipt.file), 3)
    assert summary.rows.equals(derived.rows)
    assert summary.rows.num_rows == summary.receipt.accepted + summary.receipt.rejected == 12
    assert len(failures) == summary.receipt.failed == 2
    assert replace(summary.receipt, attempt=0, timings={}) == derived.receipt


def test_what_is_packed_is_unpacked(summary):
    assert summary.rows.num_rows
    again = unpack_summary(pack_summary(summary), 3)
    assert again.receipt == summary.receipt
    assert again.rows.equals(summary.rows)


def test_a_unit_of_failures_alone_has_a_summary_without_rows(summary):
    again = unpack_summary(pack_summary(UnitSummary(summary.receipt, summary.rows.slice(0, 0))), 3)
    assert (again.rows.num_rows, again.rows.schema) == (0, summary.rows.schema)


def test_anybody_reads_it_as_an_arrow_stream(tmp_path, summary):
    with pa.OSFile(str(tmp_path / receipt_path(3))) as file, pa.ipc.open_stream(file) as stream:
        assert b'"unit_id": 3' in stream.schema.metadata[b"mycanvas.receipt"]
        assert stream.read_all().num_rows == summary.rows.num_rows


def test_every_flipped_bit_of_a_receipt_is_found(summary):
    good = pack_summary(summary)
    for bit in np.random.default_rng(3).integers(0, len(good) * 8, 300):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Damaged, match="SEAL_BROKEN"):
            unpack_summary(bytes(bad), 3)


@pytest.mark.parametrize("keep", [0, 1, 3, 4, 5, 1000, -1, -4])
def test_a_receipt_that_is_cut_short_is_broken(summary, keep):
    with pytest.raises(Damaged, match="SEAL_BROKEN"):
        unpack_summary(pack_summary(summary)[:keep], 3)


def test_the_receipt_of_another_unit_is_refused(summary):
    with pytest.raises(Damaged, match="RECEIPT_SWAPPED"):
        unpack_summary(pack_summary(summary), 4)


@pytest.mark.parametrize("content", [b"", b"\xff\xff\xff\xff", b"{}", bytes(200), b"ARROW1\0\0" * 9])
def test_what_is_sealed_and_is_no_receipt_is_broken(content):
    with pytest.raises(Damaged, match="SEAL_BROKEN"):
        unpack_summary(checked(content), 3)


def test_rows_whose_offsets_point_outside_are_refused(summary):
    """Arrow would read there: what a stream says is believed only after it was looked at."""
    content = bytearray(pack_summary(summary)[:-4])
    ids = "".join(summary.rows.column("sample_id").to_pylist()[:2]).encode()
    offsets = np.arange(0, 60, 10, dtype=np.int32).tobytes()
    assert content.count(offsets) >= 1
    assert ids in content
    place = content.index(offsets)
    content[place : place + len(offsets)] = np.arange(0, 6 << 28, 1 << 28, dtype=np.int32).tobytes()
    with pytest.raises(Damaged, match="SEAL_BROKEN"):
        unpack_summary(checked(bytes(content)), 3)


@pytest.mark.parametrize("nested", [False, True])
def test_extension_types_are_refused(summary, nested):
    plain = pa.field("x", pa.binary(), metadata={"ARROW:extension:name": "ray.data.arrow_pickled_object"})
    field = pa.field("outer", pa.list_(pa.struct([plain]))) if nested else plain
    rows = pa.Table.from_arrays([pa.array([], field.type)], schema=pa.schema([field]))
    with pytest.raises(Damaged, match="SHARD_FOREIGN"):
        unpack_summary(pack_summary(UnitSummary(summary.receipt, rows)), 3)


HOSTILE = """
import pathlib, sys, zlib
import pyarrow as pa, ray.data
from ray.data._internal.object_extensions.arrow import ArrowPythonObjectArray
from engine.errors import Damaged
from engine.storage.commits import read_unit_summary
from engine.storage.open_store import open_store

store = open_store(sys.argv[1])
canary = pathlib.Path(sys.argv[1], "canary")

class Evil:
    def __reduce__(self):
        return (pathlib.Path.write_text, (canary, "code ran"))

table = pa.table({"x": ArrowPythonObjectArray.from_objects([Evil()])})
sink = pa.BufferOutputStream()
with pa.ipc.new_stream(sink, table.schema) as stream:
    stream.write_table(table)
data = sink.getvalue().to_pybytes()
store.put("_commits/00000003.arrow", data + zlib.crc32(data).to_bytes(4, "little"))
try:
    read_unit_summary(store, 3).rows.to_pylist()
except Damaged as error:
    print(error.code, "ran" if canary.exists() else "nothing ran")
pa.ipc.open_stream(data).read_all().to_pylist()
print("bare pyarrow:", "ran" if canary.exists() else "nothing ran")
"""


def test_a_hostile_receipt_runs_no_code_even_where_ray_data_is_imported(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HOSTILE, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    refused, bare = done.stdout.strip().splitlines()
    assert refused == "SHARD_FOREIGN nothing ran"
    assert bare == "bare pyarrow: ran", "the stream is not hostile: the test proves nothing"
