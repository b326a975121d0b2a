import io

import numpy as np
import pyarrow as pa
import pytest

from engine.rows.added_scores import AddedScores
from engine.rows.composition import Composition
from engine.rows.cutout import Cutout
from engine.rows.schema import column_names, to_table
from engine.rows.values import Model
from engine.storage.parquet import read_shard, write_table
from engine.storage.slim_rows import read_slim_rows, slim_rows
from tests.support.data.units import unit

IDENTITY = {"unit_id": 3, "seed": 1, "status": "accepted"}
MODEL = Model(name="org/clip", revision="0" * 40, license="mit")


def stored_and_read(table):
    with read_shard(io.BytesIO(write_table(table, metadata={"note": "x"})), "") as shard:
        return read_slim_rows(shard)


def records():
    blank = Composition(sample_id="0", **IDENTITY)
    cutout = Cutout(sample_id="0", **IDENTITY, image=b"png", models=(MODEL,), cut_borders=("top",))
    scored = AddedScores(sample_id="0", **IDENTITY, identities=(0.1, None), embedding=(np.float16(0.5),), phash=-1)
    return [(Composition, [blank]), (Composition, []), (Cutout, [cutout]), (AddedScores, [scored])]


@pytest.mark.parametrize(("record", "rows"), records())
def test_rows_in_memory_lose_what_rows_of_a_shard_lose(record, rows):
    table = to_table(record, rows, column_names(record, stored=True))
    slim = slim_rows(table)
    assert slim.equals(stored_and_read(table))
    assert "image" not in slim.column_names
    assert {"sample_id", "unit_id", "seed", "status"} <= set(slim.column_names)


def test_objects_lose_their_masks_and_colours_and_nothing_else():
    table, _ = unit(3, 0, 14)
    slim = slim_rows(table)
    assert slim.equals(stored_and_read(table))
    before, after = (each.schema.field("objects").type.value_type.names for each in (table, slim))
    assert set(before) - set(after) == {"mask", "color_gain", "color_offset"}
    assert slim.column("objects").to_pylist()[0][0]["identity_psnr"] == 41.5


def test_chunks_slices_nulls_and_numbers_that_are_none_make_no_difference():
    table, _ = unit(3, 0, 14)
    place = table.schema.get_field_index("clip_score")
    table = table.set_column(place, "clip_score", pa.array([None, float("nan"), *[0.5] * 10]))
    objects = pa.array([None, [], *table.column("objects").to_pylist()[2:]], table.schema.field("objects").type)
    table = table.set_column(table.schema.get_field_index("objects"), "objects", objects)
    pieces = pa.concat_tables([table.slice(3, 2), table.slice(0, 3), table.slice(5)])
    for rows in (table, pieces, table.slice(1, 4), table.slice(12)):
        assert write_table(slim_rows(rows), metadata={}) == write_table(stored_and_read(rows), metadata={})


def test_columns_of_a_layout_stay_a_layouts():
    table = to_table(Composition, [Composition(sample_id="0", **IDENTITY)], ("sample_id", "unit_id", "seed", "objects"))
    assert slim_rows(table).column_names == ["sample_id", "unit_id", "seed", "objects"]
