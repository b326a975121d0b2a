import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import Damaged
from engine.photos.images import encode_jpeg
from engine.rows.composition import Composition
from engine.rows.schema import IMAGE, from_table, to_table
from engine.storage.open_store import open_store
from engine.storage.parquet import (
    ROW_GROUP_BYTES,
    equal_rows,
    is_pixels,
    open_shard,
    read_shard,
    stream_table,
    without_pixels,
    write_table,
)
from tests.support.data.units import COLUMNS, make_run, row, unit

ROOT = Path(__file__).parents[3]


def shard_of(data):
    return read_shard(io.BytesIO(data), "shard")


def test_rows_come_back_as_they_went_in():
    table, _ = unit(3, 0, 14)
    with shard_of(write_table(table, metadata={"mine": "x"})) as shard:
        back = shard.read()
        assert shard.metadata.metadata[b"mine"] == b"x"
    assert from_table(Composition, back, COLUMNS) == from_table(Composition, table, COLUMNS)


def test_a_table_without_rows_is_a_shard_too():
    with shard_of(write_table(to_table(Composition, [], COLUMNS), metadata={})) as shard:
        assert shard.read().num_rows == 0


def test_the_same_rows_are_the_same_bytes_however_they_are_chunked():
    table, _ = unit(3, 0, 14)
    pieces = pa.concat_tables([table.slice(0, 1), table.slice(1, 8), table.slice(9)])
    pieces = pieces.replace_schema_metadata({"a": "b", **table.schema.metadata})
    assert write_table(pieces, metadata={}) == write_table(table, metadata={})


def test_pixels_are_stored_as_they_are_and_all_else_is_compressed():
    with shard_of(write_table(unit(3, 0, 14)[0], metadata={})) as shard:
        group = shard.metadata.row_group(0)
        columns = [group.column(number) for number in range(group.num_columns)]
    codecs = {column.path_in_schema: column.compression for column in columns}
    assert codecs["image.bytes"] == codecs["objects.list.element.mask"] == "UNCOMPRESSED"
    assert {codec for path, codec in codecs.items() if not is_pixels(path)} == {"ZSTD"}
    assert all(column.has_offset_index for column in columns)


def test_a_shard_that_is_streamed_is_the_one_that_is_written_in_memory(tmp_path):
    table, _ = unit(3, 0, 14, size=700_000)
    with (tmp_path / "streamed").open("wb") as file:
        stream_table(table, file, metadata={"mine": "x"})
    assert (tmp_path / "streamed").read_bytes() == write_table(table, metadata={"mine": "x"})


def test_rows_are_equal_where_they_are_stored_as_the_same_bytes():
    one = pa.table({"a": [1.0, float("nan"), None]})
    assert equal_rows(one, pa.table({"a": [1.0, float("nan"), None]}))
    assert not equal_rows(one, pa.table({"a": [1.0, None, None]}))
    assert not equal_rows(one, pa.table({"b": [1.0, float("nan"), None]}))


def test_row_groups_stay_below_their_limit():
    images = pa.array([{"bytes": bytes(12_000_000), "path": None}] * 11, IMAGE)
    with shard_of(write_table(pa.table({"image": images}), metadata={})) as shard:
        sizes = [shard.metadata.row_group(n).total_byte_size for n in range(shard.metadata.num_row_groups)]
    assert len(sizes) == 2
    assert max(sizes) <= ROW_GROUP_BYTES


def test_scores_are_read_without_pixels():
    with shard_of(write_table(unit(3, 0, 14)[0], metadata={})) as shard:
        slim = shard.read(columns=without_pixels(shard))
    names = {field.name for field in slim.schema.field("objects").type.value_type}
    assert "image" not in slim.column_names
    assert "mask" not in names
    assert {"identity_psnr", "box", "concept"} <= names


def test_no_flipped_bit_in_a_page_goes_unnoticed():
    """What pages hold is checked by their checksums; `verify` holds the whole file against its hash."""
    table, _ = unit(3, 0, 14)
    good = write_table(table, metadata={})
    with shard_of(good) as shard:
        whole = shard.read()
        column = next(
            column
            for number in range(shard.metadata.num_columns)
            if (column := shard.metadata.row_group(0).column(number)).path_in_schema == "image.bytes"
        )
    rng = np.random.default_rng(5)
    begin, length = column.data_page_offset, column.total_compressed_size
    for bit in rng.integers((begin + 200) * 8, (begin + length) * 8, 60):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Damaged), shard_of(bytes(bad)) as shard:
            assert not shard.read().equals(whole)


@pytest.mark.parametrize("keep", [0, 3, 8, 100, -1, -9])
def test_a_truncated_shard_is_damage(tmp_path, keep):
    store = open_store(str(tmp_path))
    store.put("data/part-00000000.parquet", write_table(unit(3, 0, 14)[0], metadata={})[:keep])
    with pytest.raises(Damaged) as caught, open_shard(store, "data/part-00000000.parquet") as shard:
        shard.read()
    assert (caught.value.code, caught.value.where) == ("SHARD_DAMAGED", "data/part-00000000.parquet")


def test_a_missing_shard_is_damage(tmp_path):
    with pytest.raises(Damaged, match="SHARD_MISSING"), open_shard(open_store(str(tmp_path)), "data/gone"):
        pass


def extended(name, *, nested):
    """A file with a column of an extension type that this process need not know."""
    plain = pa.field("x", pa.binary(), metadata={"ARROW:extension:name": name, "ARROW:extension:metadata": ""})
    field = pa.field("outer", pa.list_(pa.struct([plain]))) if nested else plain
    value = [{"x": b"1"}] if nested else b"1"
    table = pa.Table.from_arrays([pa.array([value], field.type)], schema=pa.schema([field]))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", ["ray.data.arrow_pickled_object", "arrow.json", "x", "xx", "xxx"])
def test_extension_types_are_refused(name, nested):
    with pytest.raises(Damaged, match="SHARD_FOREIGN"), shard_of(extended(name, nested=nested)):
        pass


def test_an_extension_in_a_second_schema_entry_is_refused():
    """A reader that trusts one of two entries of the same key could be shown the harmless one."""
    evil = extended("ray.data.arrow_pickled_object", nested=False)
    with pytest.raises(Damaged, match="SHARD_FOREIGN"), shard_of(evil.replace(b"ARROW:schema", b"ARROW:schemo")):
        pass


HOSTILE = """
import pathlib, sys
import pyarrow as pa, pyarrow.parquet as pq, ray.data
from ray.data._internal.object_extensions.arrow import ArrowPythonObjectArray
from engine.errors import Damaged
from engine.storage.parquet import open_shard
from engine.storage.open_store import open_store

folder = pathlib.Path(sys.argv[1])
canary = folder / "canary"

class Evil:
    def __reduce__(self):
        return (pathlib.Path.write_text, (canary, "code ran"))

pq.write_table(pa.table({"x": ArrowPythonObjectArray.from_objects([Evil()])}), folder / "evil.parquet")
try:
    with open_shard(open_store(str(folder)), "evil.parquet") as shard:
        shard.read().to_pylist()
except Damaged as error:
    print(error.code, "ran" if canary.exists() else "nothing ran")
pq.read_table(folder / "evil.parquet").to_pylist()
print("bare pyarrow:", "ran" if canary.exists() else "nothing ran")
"""


def test_a_hostile_file_runs_no_code_even_where_ray_data_is_imported(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HOSTILE, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    refused, bare = done.stdout.strip().splitlines()
    assert refused == "SHARD_FOREIGN nothing ran"
    assert bare == "bare pyarrow: ran", "the file is not hostile: the test proves nothing"


def test_load_dataset_reads_pictures(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    store = open_store(str(tmp_path / "out"))
    make_run(store)
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    rows = [row(index, 9) for index in range(3)]
    table = to_table(Composition, rows, COLUMNS)
    images = pa.array([{"bytes": encode_jpeg(picture), "path": None}] * 3, IMAGE)
    table = table.set_column(table.schema.get_field_index("image"), pa.field("image", IMAGE), images)
    for path in [entry.path for entry in store.list("data")]:
        store.delete(path)
    store.put("data/part-00000000.parquet", write_table(table, metadata={"note": json.dumps({})}))
    loaded = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(loaded.features["image"], datasets.Image)
    assert loaded[1]["image"].size == (4, 4)
    assert loaded.num_rows == 3
