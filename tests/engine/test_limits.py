"""Resource bombs in datasets of strangers: refused before they cost gigabytes, and a limit that can be raised."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from engine.dataset.views import open_dataset
from engine.errors import Damaged
from engine.limits import limit_below
from engine.photos.images import decode
from engine.storage.commits import list_committed
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from tests.support.data.units import make_run


def test_a_mask_of_thirteen_thousand_pixels_a_side_is_not_decoded(monkeypatch):
    sink = io.BytesIO()
    Image.new("1", (13_300, 13_300)).save(sink, "PNG")
    assert len(sink.getvalue()) < 100_000
    with pytest.raises(Damaged, match=r"PIXELS_LIMIT(.|\n)*MYCANVAS_MAX_PIXELS=176890000"):
        decode(sink.getvalue())
    small = io.BytesIO()
    Image.new("L", (200, 100)).save(small, "PNG")
    assert decode(small.getvalue()).shape == (100, 200)
    monkeypatch.setenv("MYCANVAS_MAX_PIXELS", "19999")
    with pytest.raises(Damaged, match="PIXELS_LIMIT"):
        decode(small.getvalue())


def test_ten_million_rows_in_a_small_file_are_not_read(tmp_path):
    store = open_store(str(tmp_path))
    make_run(store)
    table = pa.table({"sample_id": pa.array(np.zeros(10_000_000, np.int8))})
    pq.write_table(table, tmp_path / "data" / "part-00000000.parquet", compression="zstd")
    assert (tmp_path / "data" / "part-00000000.parquet").stat().st_size < 3_000_000
    with (
        pytest.raises(Damaged, match=r"ROWS_LIMIT(.|\n)*10,000,000 rows"),
        open_shard(store, "data/part-00000000.parquet"),
    ):
        pass
    with pytest.raises(Damaged, match="ROWS_LIMIT"):
        open_dataset(str(tmp_path)).record()


def test_a_caption_of_a_megabyte_that_20000_rows_share_is_not_decoded(tmp_path, monkeypatch):
    """A dictionary holds it once: 20 GB in 60 KB, of which `export` took all that there was."""
    store = open_store(str(tmp_path))
    for name, values, path in (
        ("flat", pa.DictionaryArray.from_arrays(np.zeros(20_000, np.int32), ["a" * 10**6]), "flat"),
        ("nested", pa.array([[{"word": "a" * 10**5}] * 100] * 100), "nested.list.element.word"),
    ):
        pq.write_table(pa.table({name: values}), tmp_path / f"{name}.parquet")
        with pytest.raises(Damaged, match=f"TEXT_LIMIT(.|\n)*{path}"), open_shard(store, f"{name}.parquet"):
            pass
    monkeypatch.setenv("MYCANVAS_MAX_TEXT_BYTES", "1000000000")
    with open_shard(store, "nested.parquet") as shard:
        assert shard.metadata.num_rows == 100


def test_six_million_names_in_a_row_are_not_made(tmp_path):
    """Twenty million took minutes and gigabytes."""
    store = open_store(str(tmp_path))
    words = pa.DictionaryArray.from_arrays(np.zeros(6_000_000, np.int32), ["mug"])
    pq.write_table(pa.table({"concepts": pa.ListArray.from_arrays([0, 6_000_000], words)}), tmp_path / "words.parquet")
    assert (tmp_path / "words.parquet").stat().st_size < 5000
    with (
        pytest.raises(Damaged, match=r"VALUES_LIMIT(.|\n)*MYCANVAS_MAX_WORDS=6000000"),
        open_shard(store, "words.parquet"),
    ):
        pass


def test_a_file_numbered_nine_hundred_million_allocates_nothing(tmp_path, monkeypatch):
    store = open_store(str(tmp_path))
    make_run(store)
    store.put("data/part-999999999.parquet", b"")
    with pytest.raises(Damaged, match=r"UNITS_LIMIT(.|\n)*1,000,000,000 units"):
        list_committed(store)
    assert list_committed(store, 2).count == 2, "a run knows how many units it has"
    monkeypatch.setenv("MYCANVAS_MAX_UNITS", "2000000000")
    assert not limit_below("MYCANVAS_MAX_UNITS", 1_000_000_000)
