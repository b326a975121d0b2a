import numpy as np
import pyarrow as pa

from engine.rows.composition import Composition, Placement
from engine.rows.cutout import Cutout
from engine.rows.schema import IMAGE, arrow_schema, column_names, from_table, to_table

ALL = column_names(Composition, stored=False)
PLACEMENT = Placement(
    cutout_id="x", box=(0.1, 0.2, 0.3, 1 / 3), flip=True, order=0, support="ground", relative_size=0.7
)


def row(**columns):
    return Composition(sample_id="0000000001", unit_id=3, seed=1 << 62, **columns)


def test_a_row_comes_back_as_it_went_in():
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    before = row(placements=(PLACEMENT,), concepts=("cat", "tea pot"), image=b"\xff\xd8", ground_line=1 / 3)
    after = from_table(Composition, to_table(Composition, [before], ALL), ALL)[0]
    assert after == before
    filled = row(foreground=pixels, layers=(pixels[..., 0], pixels[..., 1]))
    again = from_table(Composition, to_table(Composition, [filled], ALL), ALL)[0]
    assert np.array_equal(again.foreground, pixels)
    assert np.array_equal(again.layers[1], pixels[..., 1])


def test_pixels_arrive_as_views_that_cannot_be_written():
    table = to_table(Composition, [row(background=np.zeros((2, 2, 3), np.uint8))], ALL)
    assert not from_table(Composition, table, ("sample_id", "unit_id", "seed", "background"))[
        0
    ].background.flags.writeable


def test_only_the_columns_that_were_asked_for_are_converted():
    table = to_table(Composition, [row(caption="a cat")], ALL)
    assert from_table(Composition, table, ("sample_id", "unit_id", "seed"))[0].caption == ""


def test_no_transient_column_is_stored():
    stored = column_names(Composition, stored=True)
    assert not {"background", "foreground", "layers", "painted", "placements", "cast"} & set(stored)
    assert arrow_schema(Composition, stored).field("image").type == IMAGE


def test_the_public_columns_are_there():
    stored = arrow_schema(Composition, column_names(Composition, stored=True))
    public = """sample_id unit_id seed image caption caption_template scene background_prompt background_id concepts
        num_objects objects layout_source status reasons clip_score ti_clip cp_clip cp_clip_assigned seam models"""
    assert set(public.split()) <= set(stored.names)
    objects = {field.name for field in stored.field("objects").type.value_type}
    wanted = """concept class_name cutout_id source_sha256 license box mask flip order visible_fraction identity_psnr"""
    assert set(wanted.split()) <= objects


def test_an_empty_unit_has_the_same_schema():
    columns = column_names(Cutout, stored=True)
    assert to_table(Cutout, [], columns).schema == arrow_schema(Cutout, columns)
    assert pa.types.is_list(arrow_schema(Cutout, columns).field("box").type)
