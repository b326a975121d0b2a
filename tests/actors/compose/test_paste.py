import io
import pickle

import numpy as np
import pytest
from PIL import Image

from actors.compose.paste import CanvasSources, Paste, background_of, paste_row
from engine.compose.backdrops import catalogue, render
from engine.compose.paste import crop_square
from engine.errors import SampleError
from engine.photos.backgrounds import Background, by_id
from engine.photos.decode_photo import decode_photo
from engine.photos.listing import read_file
from engine.rows.composition import Composition, Placement

SIZE = 64


def _cutout(_):
    return np.full((20, 10, 4), (200, 60, 30, 255), np.uint8)


def _photo(uri, line):
    return crop_square(decode_photo(read_file(uri), where=uri).pixels, line, SIZE)


def _sources(*extra):
    return CanvasSources(_cutout, by_id([*catalogue(), *extra]), _photo, SIZE)


def _row(background="procedural:table", box=(0.3, 0.3, 0.6, 0.9)):
    placement = Placement(cutout_id="a", box=box, flip=False, order=0, support="ground", relative_size=1.0)
    return Composition(
        sample_id="0", unit_id=0, seed=5, background_id=background, ground_line=0.42, placements=(placement,)
    )


def test_a_row_gets_its_canvas():
    row = paste_row(Paste(), _sources(), _row())
    assert np.array_equal(row.background, render("table", 5, SIZE))
    assert row.foreground.shape == (SIZE, SIZE, 4)
    assert len(row.layers) == len(row.color_gains) == len(row.color_offsets) == 1
    assert (row.foreground[..., 3] == row.layers[0]).all()
    assert row.repaint_mask.min() == 0


def test_harmonising_can_be_turned_off():
    row = paste_row(Paste(harmonise=False), _sources(), _row())
    assert row.color_gains == ((1.0, 1.0, 1.0),)
    assert (row.foreground[row.layers[0] == 255][:, :3] == (200, 60, 30)).all()


def test_a_users_photo_is_cropped_to_the_canvas(tmp_path):
    file = tmp_path / "garden.png"
    Image.fromarray(np.full((40, 90, 3), 77, np.uint8)).save(file)
    entry = Background(
        background_id="g", scene="garden", phrase="in a garden", ground_line=0.5, license="mine", uri=str(file)
    )
    assert (background_of(_sources(entry), _row("g")) == 77).all()


def test_an_unreadable_photo_costs_its_row(tmp_path):
    file = tmp_path / "broken.jpg"
    file.write_bytes(b"no image")
    entry = Background(background_id="b", scene="x", phrase="x", ground_line=0.5, license="mine", uri=str(file))
    with pytest.raises(SampleError):
        background_of(_sources(entry), _row("b"))


def test_an_unknown_background_is_named():
    with pytest.raises(SampleError, match="volcano"):
        background_of(_sources(), _row("volcano"))


def test_the_spec_travels():
    assert pickle.loads(pickle.dumps(Paste(margin_px=2))) == Paste(margin_px=2)


def test_sources_read_rgba_photos_too(tmp_path):
    sink = io.BytesIO()
    Image.fromarray(np.full((30, 30, 4), 90, np.uint8)).save(sink, "PNG")
    file = tmp_path / "a.png"
    file.write_bytes(sink.getvalue())
    assert _photo(str(file), 0.5).shape == (SIZE, SIZE, 3)
