"""A library that lives: photos come, cut-outs go, and datasets that were begun stay what they are."""

import json
from collections import Counter

import pytest

from engine.errors import MyCanvasError, UsageError
from engine.photos.cast import open_cast
from engine.photos.exclusions import read_exclusions
from engine.photos.library import open_library
from engine.photos.listing import list_photos
from engine.storage.commits import data_files
from engine.storage.open_store import open_store
from engine.toybox import CLASSES
from jobs.compose.compose import compose
from jobs.compose.library import apply_verdicts, exclude_named, export_cutouts, fit_quality, list_concepts
from jobs.compose.recipes import load
from jobs.compose.request import ComposeRequest
from jobs.compose.segment import segment
from jobs.console import Console
from jobs.report.library_review import review
from jobs.report.stats import lines as stats_lines
from jobs.report.stats import stats
from jobs.run_loop import ANY_FAILURES
from tests.support.data.libraries import cutout, library
from tests.support.data.photos import concept_folder, encoded, on_ground, write
from tests.support.processes.inprocess import SMALL

QUIET = Console("quiet")


def run(folder, out, *overrides):
    recipe = load("classic", [*SMALL, "phases.segment.unit_size=4", *overrides])
    request = ComposeRequest(
        recipe=recipe, photos=str(folder / "photos"), samples=4, out=str(folder / out), library=str(folder / "library"),
        address="none", budget=ANY_FAILURES,
    )  # fmt: skip
    compose(request, QUIET)
    return set(open_cast(request.out, request.library).cutouts)


def test_runs_share_a_library_and_one_more_photo_is_one_more_cut_out(tmp_path):
    concept_folder(tmp_path / "photos")
    first = run(tmp_path, "one")
    shards = data_files(open_store(str(tmp_path / "library")))
    assert run(tmp_path, "two", "seed=7", "size=96", "scene.min_quality=0.3") >= first
    assert data_files(open_store(str(tmp_path / "library"))) == shards, "nothing was cut out again"
    write(tmp_path / "photos" / "extra" / "0.png", encoded(on_ground((10, 90, 200))))
    assert run(tmp_path, "one") == first, "what was begun goes on with what it has"
    (new,) = run(tmp_path, "three") - first
    assert open_library(str(tmp_path / "library")).cutouts[new].concept == "extra"
    assert len(data_files(open_store(str(tmp_path / "library")))) == len(shards) + 1


def test_what_is_excluded_is_missing_from_new_datasets_alone(tmp_path):
    concept_folder(tmp_path / "photos")
    first = run(tmp_path, "one")
    out = min(first)
    assert exclude_named(str(tmp_path / "library"), [out], "blurred") == 1
    assert run(tmp_path, "one") == first
    assert run(tmp_path, "two") == first - {out}
    exclude_named(str(tmp_path / "library"), [out], "")
    assert run(tmp_path, "three") == first


def test_another_segmenter_wants_another_library(tmp_path):
    photos = concept_folder(tmp_path / "photos")
    settings = {"photos": photos, "out": str(tmp_path / "library"), "address": "none", "console": QUIET}
    segment(load("classic", [*SMALL]), **settings)
    with pytest.raises(UsageError, match=r"RUN_CHANGED(.|\n)*segment\.max_side: 128 -> 256"):
        segment(load("classic", [*SMALL, "segment.max_side=256"]), **settings)


@pytest.fixture
def shelf(tmp_path):
    made = library(tmp_path / "shelf", [cutout(1), cutout(2, quality=0.4), cutout(3, concept="thing2")])
    return made.store.uri


def test_concepts_are_listed_with_what_is_excluded(shelf):
    exclude_named(shelf, ["thing2"], "blurred")
    one, two = list_concepts(shelf)
    assert (one.concept, one.cutouts, one.excluded, one.least_quality) == ("thing1", 1, 0, 0.75)
    assert (two.concept, two.cutouts, two.excluded, two.least_quality) == ("thing2", 2, 2, 0.4)


def test_verdicts_of_a_review_become_exclusions(shelf, tmp_path):
    file = tmp_path / "verdicts.csv"
    file.write_text("cutout_id,verdict\nid-8,accept\nid-7,took\nid-6,reject\n")
    assert apply_verdicts(shelf, file) == Counter(accept=1, took=1, reject=1)
    said = {"id-7": "took something along", "id-6": "rejected on review"}
    assert read_exclusions(open_store(shelf)) == said
    file.write_text("cutout_id,verdict\nid-7,accept\n")
    apply_verdicts(shelf, file)
    assert list(read_exclusions(open_store(shelf))) == ["id-6"]


@pytest.mark.parametrize(
    ("text", "where"),
    [("cutout_id,verdict\nid-8,perhaps\n", ":2"), ("id,verdict\nid-8,accept\n", ":2"), ("", None)],
    ids=["verdict", "column", "empty"],
)
def test_a_file_that_is_no_review_is_named_by_its_line(shelf, tmp_path, text, where):
    file = tmp_path / "verdicts.csv"
    file.write_text(text)
    if where is None:
        assert apply_verdicts(shelf, file) == Counter()
        return
    with pytest.raises(UsageError, match="LIBRARY_VERDICTS") as caught:
        apply_verdicts(shelf, file)
    assert str(caught.value.where).endswith(where)


def test_unknown_names_and_empty_libraries_are_named(shelf, tmp_path):
    with pytest.raises(UsageError, match="LIBRARY_NAME"):
        exclude_named(shelf, ["nobody"], "x")
    for call in (list_concepts, lambda uri: review(uri, tmp_path / "page.html")):
        with pytest.raises(UsageError, match="LIBRARY_EMPTY"):
            call(str(tmp_path / "nowhere"))


def test_what_is_exported_is_photos_again(shelf, tmp_path):
    exclude_named(shelf, ["id-6"], "x")
    assert export_cutouts(shelf, tmp_path / "out") == 2
    photos = list_photos(str(tmp_path / "out"))
    assert [(photo.concept, photo.class_name, photo.license) for photo in photos] == [
        ("thing2", "thing", "CC0-1.0"), ("thing1", "thing", "CC0-1.0"),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="EXPORT_PLACE"):
        export_cutouts(shelf, tmp_path / "out")


def test_names_of_strangers_are_no_paths(tmp_path):
    shelf = library(tmp_path / "shelf", [cutout(1, concept="../../evil"), cutout(2, concept="/etc")]).store.uri
    export_cutouts(shelf, tmp_path / "deep" / "out")
    assert sorted(path.name for path in tmp_path.rglob("*.png")) == ["id-7.png", "id-8.png"]
    assert all(tmp_path / "deep" / "out" in path.parents for path in tmp_path.rglob("*.png"))


def test_a_review_shows_the_worst_first_and_trusts_no_name(tmp_path):
    hostile = "</script><b onclick=x>"
    shelf = library(tmp_path / "shelf", [cutout(1), cutout(2, quality=0.4, concept=hostile)]).store.uri
    exclude_named(shelf, ["id-8"], hostile)
    assert review(shelf, tmp_path / "page.html") == 2
    text = (tmp_path / "page.html").read_text()
    assert hostile not in text
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert [(item["cutout_id"], item["excluded"]) for item in data["cutouts"]] == [("id-7", ""), ("id-8", hostile)]
    assert review(shelf, tmp_path / "page.html", limit=1) == 1


def refused(tmp_path, *overrides, out="out", address="none", photos=None):
    """The problem that ends a run before anything is cut out."""
    request = ComposeRequest(
        recipe=load("classic", [*SMALL, *overrides]), photos=photos or concept_folder(tmp_path / "photos"), samples=4,
        out=str(tmp_path / out), address=address, budget=ANY_FAILURES,
    )  # fmt: skip
    with pytest.raises(MyCanvasError) as caught:
        compose(request, QUIET)
    assert not list(tmp_path.rglob("*.parquet")), "nothing was cut out"
    assert not list(tmp_path.rglob("run.lock.json"))
    return caught.value.code


def test_photos_of_one_concept_are_refused_before_any_is_cut_out(tmp_path):
    assert refused(tmp_path, photos=concept_folder(tmp_path / "one", {"rex": (200, 60, 40)})) == "TOO_FEW_CONCEPTS"


def test_an_output_that_cannot_be_written_is_refused_before_any_photo_is_cut_out(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert refused(tmp_path, out="file/out") == "STORE_FAILED"


def test_a_gpu_that_is_not_there_is_missed_before_any_photo_is_cut_out(tmp_path, ray_address):
    assert refused(tmp_path, "pools.compose.gpus=64", address=ray_address) == "CAPACITY"


def test_models_that_know_toys_alone_are_warned_of_before_they_see_photos(tmp_path, capsys):
    photos = concept_folder(tmp_path / "photos")
    classes = sorted({photo.class_name for photo in list_photos(photos)} - set(CLASSES))
    request = ComposeRequest(
        recipe=load("micro", ["size=128", "pools.compose.gpus=64"]), photos=photos, samples=4,
        out=str(tmp_path / "file" / "out"), library=str(tmp_path / "library"), address="none", budget=ANY_FAILURES,
    )  # fmt: skip
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MyCanvasError, match="STORE_FAILED"):
        compose(request, Console("human"))
    said = capsys.readouterr().err
    assert "warning  shipped:micro/" in said
    assert classes[0] in said
    assert "mycanvas compose photo" in said


def test_the_least_quality_is_fitted_to_a_review(tmp_path):
    library(tmp_path, [cutout(n, quality=0.5 + n / 40, cutout_id=f"{n:016x}") for n in range(20)])
    verdicts = tmp_path / "verdicts.csv"
    lines = [f"{n:016x},{'accept' if n >= 8 else ('reject', 'took')[n % 2]}" for n in range(20)]
    verdicts.write_text("\n".join(["cutout_id,verdict", *lines]))
    found = fit_quality(str(tmp_path), verdicts)
    assert (found.judged, found.good) == (20, 12)
    assert 0.5 + 7 / 40 < found.min_quality <= 0.5 + 8 / 40
    assert found.fitted.precision == found.fitted.recall == 1
    verdicts.write_text("\n".join(["cutout_id,verdict", *lines[-12:]]))
    with pytest.raises(UsageError, match=r"LABELS_FEW(.|\n)*at least 5 of each"):
        fit_quality(str(tmp_path), verdicts)


def test_what_was_left_out_is_told_in_stats(tmp_path):
    concept_folder(tmp_path / "photos")
    write(tmp_path / "photos" / "mug1" / "9_mask.png", encoded(on_ground((10, 90, 200))))
    run(tmp_path, "one")
    (why,) = stats(str(tmp_path / "library"))["left out"]
    assert why == "a matte, by its name, of a photo that is not there"
    assert f"        1  {why}" in stats_lines(stats(str(tmp_path / "library")))
