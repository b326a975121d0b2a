from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from actors.compose.segment import OWN_ALPHA, SEGMENTERS, Segment, segment_row
from engine.errors import SampleError, UsageError
from engine.photos.images import decode, encode_jpeg, encode_png
from engine.photos.mattes import Matte
from engine.rows.cutout import Cutout
from engine.rows.schema import from_table, to_table
from engine.rows.values import Model
from engine.run.stage import Run

RUN = Run(out="", library="", size=512)


class Stencil:
    """A segmenter that always finds the same region."""

    models = (Model(name="stencil", revision="1", license="Apache-2.0"),)

    def __init__(self, region, quality=0.9):
        self.region, self.quality = region, quality

    def __call__(self, photo, name=""):
        alpha = np.zeros(photo.shape[:2], np.uint8)
        alpha[self.region] = 255
        return Matte(alpha, self.quality)


def photo_with_disc(size=160):
    y, x = np.mgrid[0:size, 0:size]
    photo = np.empty((size, size, 3), np.uint8)
    photo[:] = np.stack([60 + x // 8, 110 + y // 8, np.full_like(x, 150)], axis=2)
    photo[np.hypot(x - size / 2, y - size / 2) < size / 4] = (220, 90, 20)
    return photo


def row_for(path, number=0):
    return Cutout(
        sample_id=f"{number:010d}", unit_id=0, seed=number, source=str(path), concept="ball", class_name="ball"
    )


def written(path, data):
    path.write_bytes(data)
    return path


def test_a_photo_becomes_a_tight_cut_out_with_its_lineage(tmp_path):
    data = encode_jpeg(photo_with_disc())
    row = row_for(written(tmp_path / "ball.jpg", data))
    (done,) = Segment().load(RUN)([row])
    assert done.status == "accepted"
    assert done.source_sha256 == sha256(data).hexdigest()
    assert len(done.cutout_id) == 16
    assert done.models[0].name == "grabcut"
    assert done.cut_borders == ()
    pixels = decode(done.image)
    assert pixels.shape == (done.height, done.width, 4)
    assert np.allclose(done.box, (0.25, 0.25, 0.75, 0.75), atol=0.03)
    assert done.concept == "ball"


def test_the_row_survives_the_trip_through_arrow(tmp_path):
    row = row_for(written(tmp_path / "ball.png", encode_png(photo_with_disc())))
    columns = ("sample_id", "unit_id", "seed", *Segment.reads, *Segment.writes)
    (done,) = Segment().load(RUN)([row])
    assert from_table(Cutout, to_table(Cutout, [done], columns), columns) == [done]


def test_an_rgba_photo_keeps_its_own_alpha_and_colours(tmp_path):
    rgba = np.zeros((40, 50, 4), np.uint8)
    rgba[10:30, 5:45] = (10, 200, 30, 255)
    rgba[10, 5:45, 3] = 90
    row = row_for(written(tmp_path / "own.png", encode_png(rgba)))
    (done,) = Segment().load(RUN)([row])
    assert (decode(done.image) == rgba[10:30, 5:45]).all()
    assert done.quality == 1.0
    assert done.models == (OWN_ALPHA,)
    assert done.status == "accepted"
    assert done.box == (0.1, 0.25, 0.9, 0.75)


def test_an_opaque_alpha_channel_means_nothing(tmp_path):
    rgba = np.dstack([photo_with_disc(), np.full((160, 160), 255, np.uint8)])
    (done,) = Segment().load(RUN)([row_for(written(tmp_path / "opaque.png", encode_png(rgba)))])
    assert done.models[0].name == "grabcut"


def test_an_invisible_rgba_photo_has_nothing_to_cut(tmp_path):
    row = row_for(written(tmp_path / "clear.png", encode_png(np.zeros((20, 20, 4), np.uint8))))
    (answer,) = Segment().load(RUN)([row])
    assert isinstance(answer, SampleError)
    assert answer.code == "NOTHING_TO_CUT"


def test_a_bad_photo_costs_only_itself(tmp_path):
    good = written(tmp_path / "good.png", encode_png(photo_with_disc()))
    flat = written(tmp_path / "flat.png", encode_png(np.full((64, 64, 3), 99, np.uint8)))
    torn = written(tmp_path / "torn.jpg", good.read_bytes()[:200])
    rows = [row_for(path, n) for n, path in enumerate([tmp_path / "absent.jpg", torn, flat, good])]
    absent, unreadable, empty, fine = Segment().load(RUN)(rows)
    assert [error.code for error in (absent, unreadable, empty)] == [
        "PHOTO_UNREADABLE",
        "IMAGE_UNREADABLE",
        "NOTHING_TO_CUT",
    ]
    assert str(flat) in str(empty)
    assert fine.status == "accepted"


def test_a_subject_cut_off_by_three_borders_is_marked_and_rejected(tmp_path):
    row = row_for(written(tmp_path / "close.png", encode_png(photo_with_disc())))
    done = segment_row(Segment(), Stencil(np.s_[40:, :]), row)
    assert done.cut_borders == ("left", "right", "bottom")
    assert (done.status, done.reasons) == ("rejected", ("cut_three_borders",))


def test_a_doubtful_cut_out_is_kept_with_its_quality(tmp_path):
    row = row_for(written(tmp_path / "doubt.png", encode_png(photo_with_disc())))
    done = segment_row(Segment(), Stencil(np.s_[40:90, 40:90], quality=0.4), row)
    assert (done.status, done.reasons, done.quality) == ("accepted", (), 0.4), "whoever casts says what is enough"


@pytest.mark.parametrize("region", [np.s_[:, :], np.s_[0:10, 0:10]])
def test_the_whole_frame_and_a_speck_are_no_cut_outs(tmp_path, region):
    row = row_for(written(tmp_path / "frame.png", encode_png(photo_with_disc())))
    with pytest.raises(SampleError, match="NOTHING_TO_CUT"):
        segment_row(Segment(), Stencil(region), row)


def test_large_photos_give_small_cut_outs_with_the_same_box(tmp_path):
    row = row_for(written(tmp_path / "large.png", encode_png(photo_with_disc(400))))
    done = segment_row(Segment(max_side=64), Stencil(np.s_[32:96, 32:64]), row)
    assert (done.width, done.height) == (32, 64)
    assert done.box == (0.25, 0.25, 0.5, 0.75)


def test_the_same_photo_gives_the_same_bytes_and_another_weights_file_another_id(tmp_path):
    row = row_for(written(tmp_path / "ball.png", encode_png(photo_with_disc())))
    first, second = (Segment().load(RUN)([row])[0] for _ in range(2))
    assert first == second
    stencil = Stencil(np.s_[40:90, 40:90])
    ids = {
        segment_row(spec, stencil, row).cutout_id
        for spec in (Segment(), Segment(backend="isnet", weights="a"), Segment(backend="isnet", weights="b"))
    }
    assert len(ids) == 3
    elsewhere = replace(row, source=str(written(tmp_path / "copy.png", encode_png(photo_with_disc()))))
    assert segment_row(Segment(), stencil, elsewhere).cutout_id == segment_row(Segment(), stencil, row).cutout_id


def test_an_unknown_backend_is_named_with_the_right_ones():
    with pytest.raises(UsageError, match="grabcut, grounded_sam, isnet"):
        SEGMENTERS.resolve("grabcutt")


def test_a_matte_beside_the_photo_is_taken_as_it_is(tmp_path):
    matte = np.zeros((120, 160), np.uint8)
    matte[30:90, 50:100] = 255
    photo = written(tmp_path / "rex.png", encode_png(np.full((120, 160, 3), 90, np.uint8)))
    row = replace(row_for(photo), mask=str(written(tmp_path / "rex_mask.png", encode_png(matte))))
    done = segment_row(Segment(), Stencil(np.s_[0:10, 0:10]), row)
    assert (done.width, done.height, done.quality, done.models[0].name) == (50, 60, 1.0, "own-mask")
    written(tmp_path / "rex_mask.png", encode_png(np.roll(matte, 5, axis=0)))
    assert segment_row(Segment(), Stencil(np.s_[0:10, 0:10]), row).cutout_id != done.cutout_id, "of another matte"
    tall = replace(row, mask=str(written(tmp_path / "tall_mask.png", encode_png(matte.T.copy()))))
    with pytest.raises(SampleError, match=r"MASK_SHAPE .*tall_mask\.png"):
        segment_row(Segment(), Stencil(np.s_[0:10, 0:10]), tall)
