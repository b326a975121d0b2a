"""`--backgrounds own`: the photos of the concepts with the subjects taken out, planted with others."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from cluster.session import NONE
from engine.compose.backdrops import render
from engine.errors import UsageError
from engine.photos.backgrounds import read_catalogue
from engine.photos.images import decode
from engine.storage.open_store import open_store
from jobs.compose.compose import compose
from jobs.compose.recipes import load
from jobs.compose.request import ComposeRequest
from jobs.console import Console
from jobs.run_loop import ANY_FAILURES
from tests.support.data.photos import encoded, thing, write

SMALL = ("size=128", "unit_size=4", "segment.max_side=128", "gate.max_seam=null")


def photographed(color, place, seed, at):
    """A thing on a drawn place, with its mask: what a photo with a hand-made matte would be."""
    photo, item = render(place, seed, 256), thing(color, seed=seed)
    window = photo[at[0] : at[0] + 96, at[1] : at[1] + 96]
    window[item[..., 3] > 0] = item[..., :3][item[..., 3] > 0]
    mask = np.zeros((256, 256), np.uint8)
    mask[at[0] : at[0] + 96, at[1] : at[1] + 96] = item[..., 3]
    return photo, mask


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "photos"
    for concept, color in (("mug", (190, 60, 40)), ("teapot", (70, 150, 80))):
        for number, (place, at) in enumerate((("meadow", (130, 30)), ("kitchen", (120, 90)))):
            photo, mask = photographed(color, place, number, at)
            write(folder / concept / f"{number}.png", encoded(photo))
            write(folder / concept / f"{number}_mask.png", encoded(mask))
    return folder


def run(photos, out, *overrides, samples=8, backgrounds="own", library=""):
    request = ComposeRequest(
        recipe=load("classic", [*SMALL, *overrides]), photos=str(photos), samples=samples, out=str(out), address=NONE,
        budget=ANY_FAILURES, backgrounds=backgrounds, library=library,
    )  # fmt: skip
    return compose(request, Console("quiet"))


def test_subjects_stand_where_others_stood(photos, tmp_path):
    tally = run(photos, tmp_path / "out")
    assert (tally.rows, tally.failed) == (8, 0)
    places = {each.background_id: each for each in read_catalogue(open_store(str(tmp_path / "out")))}
    assert len(places) == 4
    for path in (tmp_path / "out" / "data").glob("*.parquet"):
        for row in pq.read_table(path).to_pylist():
            anchor = places[row["background_id"]].anchor
            first = row["objects"][0]
            assert first["source_sha256"] != anchor.source_sha256
            assert first["box"][3] == pytest.approx(anchor.box[3], abs=0.01)
    emptied = sorted((tmp_path / "out" / "library" / "emptied").glob("*.jpg"))
    assert len(emptied) == 4
    for path in emptied:
        pixels = decode(path.read_bytes()).astype(int)
        red = (pixels[..., 0] - pixels[..., 1:].max(axis=2) > 60).mean()
        assert red < 0.01, "the mug is gone"


def test_a_photo_is_emptied_once_and_a_resume_reads_what_is_locked(photos, tmp_path):
    run(photos, tmp_path / "out", samples=4)
    emptied = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "library" / "emptied").rglob("*.*")}
    before = (tmp_path / "out" / "backgrounds.jsonl").read_bytes()
    assert run(photos, tmp_path / "out", samples=8).rows == 4
    assert (tmp_path / "out" / "backgrounds.jsonl").read_bytes() == before
    library = str(tmp_path / "out" / "library")
    run(photos, tmp_path / "second", samples=4, library=library)
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "library" / "emptied").rglob("*.*")}
    assert {path for path in emptied if path.suffix in (".jpg", ".parquet")} <= {
        path for path in again if again[path] == emptied.get(path)
    }


def test_photos_without_a_place_are_refused_with_another_way(tmp_path):
    for concept in ("mug", "teapot"):
        write(tmp_path / "photos" / concept / "0.png", encoded(thing((190, 60, 40))))
    with pytest.raises(UsageError, match=r"BACKGROUNDS_NONE_OWN(.|\n)*--backgrounds DIR"):
        run(tmp_path / "photos", tmp_path / "out")
    assert run(tmp_path / "photos", tmp_path / "drawn", "scene.own_backgrounds=true", backgrounds="").failed == 0
    assert len(read_catalogue(open_store(str(tmp_path / "drawn")))) > 10, "a recipe that prefers them does without"


def test_a_subject_on_white_leaves_no_place(photos, tmp_path):
    white = np.full((256, 256, 3), 255, np.uint8)
    photo, mask = photographed((60, 90, 190), "moon", 1, (100, 80))
    photo[mask == 0] = white[mask == 0]
    for path in photos.rglob("*.png"):
        write(tmp_path / "photos" / path.relative_to(photos), path.read_bytes())
    write(tmp_path / "photos" / "ball" / "0.png", encoded(photo))
    write(tmp_path / "photos" / "ball" / "0_mask.png", encoded(mask))
    assert run(tmp_path / "photos", tmp_path / "out").failed == 0
    assert len(read_catalogue(open_store(str(tmp_path / "out")))) == 4
