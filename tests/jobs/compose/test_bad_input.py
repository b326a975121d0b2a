"""Whatever is wrong with the input: a code, what, where, why and how to mend it, and the run goes on where it can."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.dataset.verify import verify
from engine.errors import UsageError
from engine.photos.backgrounds import list_backgrounds
from engine.photos.library import open_library
from engine.storage.open_store import open_store
from tests.support.data.photos import CONCEPTS, bomb, concept_folder, encoded, odd, on_ground, thing, unfit, write
from tests.support.processes.inline import files
from tests.support.processes.inprocess import SMALL, compose, cut

ROOT = Path(__file__).parents[3]
EVIL = "\x1b[31mevil\u202e[red]<b>"


def mixed_folder(folder):
    """Good concepts, a concept of odd photos, one of unfit ones, a hostile name, and a link to nothing."""
    for name, data in odd().items():
        write(folder / "odd" / name, data)
    for name, (data, _) in unfit().items():
        write(folder / "unfit" / name, data)
    write(folder / EVIL / "0.png", encoded(thing((120, 120, 60))))
    (folder / "unfit" / "gone.jpg").symlink_to("nowhere")
    return concept_folder(folder, each=1)


def table(folder, pattern):
    return [row for path in sorted(Path(folder).glob(pattern)) for row in pq.read_table(path).to_pylist()]


def failures(folder):
    """File name of the photo to its failure."""
    return {json.loads(row["inputs"])["source"].rpartition("/")[2]: row for row in table(folder, "failures/*.parquet")}


def assert_library_of_mixed_folder(folder):
    """Every unfit photo is named with its code; every other one is a cut-out."""
    found = failures(folder)
    expected = {name: code for name, (_, code) in unfit().items()} | {"gone.jpg": "PHOTO_UNREADABLE"}
    assert {name: row["code"] for name, row in found.items()} == expected
    for name, row in found.items():
        assert row["stage"] == "segment"
        assert row["message"].startswith(f"{row['code']}  file://")
        assert f"/unfit/{name}: " in row["message"]
        assert "\nfix: " in row["message"]
    good = [item.concept for item in open_library(str(folder)).cutouts.values()]
    assert {*CONCEPTS, "[31mevil[red]<b>"} <= set(good)
    assert good.count("odd") == len(odd())


def test_bad_photos_are_named_and_cost_nobody_else(tmp_path):
    receipts = cut(mixed_folder(tmp_path / "photos"), str(tmp_path / "library"))
    assert sum(receipt.failed for receipt in receipts) == len(unfit()) + 1
    assert sum(receipt.accepted for receipt in receipts) == len(odd()) + len(CONCEPTS) + 1
    assert_library_of_mixed_folder(tmp_path / "library")
    compose(str(tmp_path / "library"), str(tmp_path / "out"), 4)
    assert len(table(tmp_path / "out", "data/*.parquet")) == 4


def test_failures_are_the_same_bytes_in_every_run(tmp_path):
    photos = mixed_folder(tmp_path / "photos")
    for name in ("one", "two"):
        cut(photos, str(tmp_path / name))
    for pattern in ("data/*.parquet", "failures/*.parquet"):
        assert files(tmp_path / "one", pattern) == files(tmp_path / "two", pattern)


def test_a_photo_on_its_side_is_cut_out_upright(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / "photos" / name / "turned.jpg", odd()["turned.jpg"])
    cut(str(tmp_path / "photos"), str(tmp_path / "library"))
    for item in open_library(str(tmp_path / "library")).cutouts.values():
        assert item.width > item.height, "stored as a tall photo, to be turned by a quarter"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "IMAGE_EMPTY"),
        (encoded(on_ground((10, 90, 90)), "JPEG")[:900], "IMAGE_UNREADABLE"),
        (bomb(), "IMAGE_TOO_LARGE"),
    ],
    ids=["empty", "truncated", "bomb"],
)
def test_a_bad_background_costs_the_rows_that_would_stand_before_it(tmp_path, data, code):
    cut(concept_folder(tmp_path / "photos", each=1), str(tmp_path / "library"))
    write(tmp_path / "backgrounds" / "wall" / "bad.jpg", data)
    write(tmp_path / "backgrounds" / "wall" / "good.png", encoded(on_ground((10, 90, 90))))
    found = list_backgrounds(str(tmp_path / "backgrounds"))
    compose(str(tmp_path / "library"), str(tmp_path / "out"), 12, backgrounds=found)
    good, bad = table(tmp_path / "out", "data/*.parquet"), table(tmp_path / "out", "failures/*.parquet")
    assert len(good) + len(bad) == 12
    assert good
    assert bad
    assert {(row["stage"], row["code"]) for row in bad} == {("paste", code)}
    for row in bad:
        assert "/wall/bad.jpg" in row["message"]
        assert json.loads(row["inputs"])["placements"], "enough to try it again"


def test_one_concept_is_too_few(tmp_path):
    cut(concept_folder(tmp_path / "photos", {"mug": CONCEPTS["mug1"]}), str(tmp_path / "library"))
    with pytest.raises(UsageError) as caught:
        compose(str(tmp_path / "library"), str(tmp_path / "out"), 4)
    assert (caught.value.code, caught.value.exit_code) == ("TOO_FEW_CONCEPTS", 2)
    assert "'mug' (2)" in caught.value.why
    assert "another concept" in caught.value.fix


@pytest.mark.parametrize(
    ("override", "difference"),
    [
        ("gate.max_seam=0.3", "recipe.stages.gate.max_seam: "),
        ("seed=1", "recipe.seed: 0 -> 1"),
        ("unit_size=2", "recipe.unit_size: 4 -> 2"),
    ],
)
def test_a_resume_with_another_recipe_is_refused_with_the_difference(tmp_path, override, difference):
    cut(concept_folder(tmp_path / "photos", each=1), str(tmp_path / "library"))
    library, out = str(tmp_path / "library"), str(tmp_path / "out")
    compose(library, out, 4)
    before = files(tmp_path / "out", "**/*.*")
    with pytest.raises(UsageError) as caught:
        compose(library, out, 4, override)
    assert caught.value.code == "RUN_CHANGED"
    assert difference in caught.value.why
    assert files(tmp_path / "out", "**/*.*") == before
    compose(
        library,
        out,
        4,
        "pools={a: {stages: [scene, layout, paste, inpaint, restore, caption, score, gate]}, b: {stages: [commit]}}",
    )


def mycanvas(*arguments):
    """The command in a process of its own."""
    words = [sys.executable, "-c", "from jobs.cli.process import run; run()", *map(str, arguments)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)


def order(photos, out):
    """A small compose order."""
    overrides = [word for item in SMALL for word in ("--set", item)]
    return ("compose", "classic", "--photos", photos, "--samples", 8, "--out", out, *overrides)


def test_on_a_private_cluster_the_run_goes_on_and_gives_the_bytes_that_one_process_gives(tmp_path):
    photos, out = mixed_folder(tmp_path / "photos"), tmp_path / "out"
    done = mycanvas(*order(photos, out), "--format", "json")
    assert done.returncode == 0, done.stderr
    tally = json.loads(done.stdout)
    assert (tally["rows"], tally["failed"]) == (8, 0)
    assert tally["accepted"] + tally["rejected"] == 8
    assert f"{len(odd()) + len(CONCEPTS) + 1} cut-outs, {len(unfit()) + 1} failed" in done.stderr
    assert not {"\x1b", "\u202e"} & set(done.stdout + done.stderr)
    assert_library_of_mixed_folder(out / "library")
    assert not verify(open_store(str(out))).damage
    compose(str(out / "library"), str(tmp_path / "alone"), 8)
    assert files(tmp_path / "alone") == files(out)


def test_on_a_cluster_one_concept_ends_with_2(tmp_path, ray_address):
    photos = concept_folder(tmp_path / "photos", {"mug": CONCEPTS["mug1"]})
    done = mycanvas(*order(photos, tmp_path / "out"), "--address", ray_address)
    assert (done.returncode, done.stdout) == (2, "")
    assert "TOO_FEW_CONCEPTS" in done.stderr
    assert "Traceback" not in done.stderr
    assert not files(tmp_path / "out")
