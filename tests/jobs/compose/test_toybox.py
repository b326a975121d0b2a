"""`mycanvas toybox` writes photos that `compose` can read, and the truth about them."""

import json

import numpy as np
import pytest
from PIL import Image

from engine.errors import UsageError
from engine.photos.listing import list_photos
from engine.toybox import CLASSES
from jobs.compose.toybox import toybox
from jobs.console import Console


def test_photos_and_truth_agree(tmp_path):
    toybox(3, 2, 96, seed=1, out=tmp_path, console=Console("quiet"))
    photos = list_photos(str(tmp_path / "photos"))
    assert len(photos) == 6
    assert {photo.license for photo in photos} == {"CC0-1.0"}
    assert {photo.class_name for photo in photos} == set(CLASSES[:3])
    truths = [json.loads(line) for line in (tmp_path / "truth" / "truth.jsonl").read_text().splitlines()]
    for truth in truths:
        alpha = np.asarray(Image.open((tmp_path / "truth" / truth["file_name"]).with_suffix(".png")))
        assert alpha.shape == (96, 96)
        assert truth["class_name"] in truth["caption"]
        x0, y0, x1, y1 = (96 * value for value in truth["box"])
        assert (alpha > 128).sum() <= (x1 - x0 + 2) * (y1 - y0 + 2)


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(UsageError) as error:
        toybox(1, 1, 64, seed=0, out=tmp_path, console=Console("quiet"))
    assert error.value.code == "TOYBOX_EXISTS"


def test_look_alikes_and_photos_that_are_held_out(tmp_path):
    toybox(3, 2, 64, seed=1, out=tmp_path, console=Console("quiet"), classes=["mug", "mug", "duck"], held_out=1)
    trained, held = list_photos(str(tmp_path / "photos")), list_photos(str(tmp_path / "held-out"))
    assert [photo.class_name for photo in held] == ["duck", "mug", "mug"]
    assert len(trained) == 6
    assert {photo.concept for photo in trained} == {photo.concept for photo in held}
    assert len({(tmp_path / folder / name).read_bytes() for folder, name in _names(tmp_path)}) == 9, "no photo twice"
    assert len((tmp_path / "truth" / "truth.jsonl").read_text().splitlines()) == 9
    with pytest.raises(UsageError, match="TOYBOX_CLASS"):
        toybox(1, 1, 64, seed=0, out=tmp_path / "other", console=Console("quiet"), classes=["dragon"])


def _names(root):
    return [
        (folder, path.relative_to(root / folder))
        for folder in ("photos", "held-out")
        for path in (root / folder).rglob("*.jpg")
    ]
