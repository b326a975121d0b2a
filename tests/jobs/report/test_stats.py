from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from engine.errors import UsageError
from engine.storage.manifest import write_manifest
from engine.storage.open_store import open_store
from jobs.report.stats import lines, stats
from jobs.report.stats_page import page
from tests.support.data.gallery_rows import commit, composition, cutout, failed, hostile
from tests.support.data.units import commit as commit_numbered

SVG = "{http://www.w3.org/2000/svg}"


def test_rows_are_counted_by_what_became_of_them(tmp_path):
    uri = commit(tmp_path, [composition(index) for index in range(9)], [failed(100), failed(101)])
    report = stats(uri)
    counted = {name: report[name] for name in ("units", "rows", "accepted", "rejected", "failed")}
    assert counted == {"units": 2, "rows": 11, "accepted": 6, "rejected": 3, "failed": 2}
    assert report["bytes"] > 0
    assert report["reasons"] == {"seam too high": 3}
    assert report["failures"] == {"paste  CUTOUT_EMPTY": 2}
    assert report["concepts"] == {"dog": 9, "mug": 9}
    assert report["num_objects"] == {"2": 9}


def test_scores_have_quantiles_and_those_that_nobody_measured_have_none(tmp_path):
    scores = stats(commit(tmp_path, [composition(index) for index in range(21)]))["scores"]
    assert scores["seam"]["quantiles"] == pytest.approx([0.31, 0.40, 0.49])
    assert scores["objects.identity_psnr"]["quantiles"] == pytest.approx([42, 50.5, 60], abs=1)
    assert (scores["seam"]["count"], sum(scores["seam"]["histogram"]), len(scores["seam"]["histogram"])) == (21, 21, 20)
    assert (scores["seam"]["least"], scores["seam"]["largest"]) == (0.3, 0.5)
    assert set(scores) == {"seam", "objects.identity_psnr", "objects.visible_fraction"}


def test_seconds_by_stage_add_up(tmp_path):
    store = open_store(str(tmp_path))
    for unit_id in range(3):
        commit_numbered(store, unit_id, unit_id * 4, unit_id * 4 + 4)
    assert stats(str(tmp_path))["seconds"] == {"paste": 0.75}


def test_the_summary_of_a_finished_run_gives_the_same_numbers(tmp_path):
    uri = commit(tmp_path, [composition(index) for index in range(20)])
    before = stats(uri)
    write_manifest(open_store(uri))
    assert stats(uri) == before
    commit_numbered(open_store(uri), 9, 900, 904)
    assert stats(uri)["rows"] == 24, "a summary that is behind is not believed"


def test_a_library_has_statistics_too(tmp_path):
    report = stats(commit(tmp_path, [replace(cutout(index), concept=f"c{index % 2}") for index in range(4)]))
    assert (report["accepted"], report["concepts"]) == (4, {"c0": 2, "c1": 2})
    assert {name: score["quantiles"] for name, score in report["scores"].items()} == {"quality": [0.9, 0.9, 0.9]}
    assert "num_objects" not in report


def test_a_dataset_of_which_nothing_could_be_made_has_statistics(tmp_path):
    store = open_store(str(tmp_path))
    commit_numbered(store, 0, 6, 7)
    report = stats(str(tmp_path))
    assert (report["rows"], report["failed"], report["concepts"], report["scores"]) == (1, 1, {}, {})
    assert "  accepted 0 (0%)" in lines(report)


def test_a_folder_without_units_is_refused_and_left_alone(tmp_path):
    with pytest.raises(UsageError) as caught:
        stats(str(tmp_path / "nowhere"))
    assert (caught.value.code, caught.value.exit_code) == ("DATASET_EMPTY", 2)
    assert not (tmp_path / "nowhere").exists()


def test_the_report_for_a_person_says_what_the_one_for_programs_says(tmp_path):
    report = stats(commit(tmp_path, [composition(index) for index in range(9)], [failed(100)]))
    text = "\n".join(lines(report))
    for part in ("10 rows in 2 units", "accepted 6 (60%)", "rejected 3   failed 1", "9  dog", "3  seam too high"):
        assert part in text
    assert "identity_psnr" in text


def test_hostile_names_are_counted_like_others(tmp_path):
    report = stats(commit(tmp_path, [hostile(index) for index in range(3)]))
    assert sorted(report["concepts"].values()) == [3, 3]


def test_the_page_is_sound_svg_with_a_bar_for_each_number(tmp_path):
    report = stats(commit(tmp_path, [composition(index) for index in range(9)], [failed(100)]))
    root = ET.fromstring(page(report))
    texts = [node.text for node in root.iter(f"{SVG}text")]
    assert {"rows", "planned", "accepted", "reasons", "seam too high", "paste  CUTOUT_EMPTY", "dog", "seam"} <= set(
        texts
    )
    assert f"median {report['scores']['seam']['quantiles'][1]:.3g}" in texts
    bars = sum(count > 0 for score in report["scores"].values() for count in score["histogram"])
    assert len(list(root.iter(f"{SVG}rect"))) > bars
    assert page(report) == page(stats(str(tmp_path)))


def test_names_in_the_page_are_text(tmp_path):
    text = page(stats(commit(tmp_path, [hostile(index) for index in range(3)])))
    root = ET.fromstring(text)
    assert {node.tag for node in root.iter()} == {f"{SVG}{tag}" for tag in ("svg", "g", "rect", "text")}
    assert "<script" not in text


def test_the_page_of_nothing_has_no_bars_that_mean_nothing(tmp_path):
    commit_numbered(open_store(str(tmp_path)), 0, 6, 7)
    assert ET.fromstring(page(stats(str(tmp_path)))).tag == f"{SVG}svg"
