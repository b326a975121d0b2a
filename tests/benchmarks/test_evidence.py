"""The study of what composed data does: its plan, its steps, what it writes down."""

import json
import sys
import xml.etree.ElementTree as ET

import pytest
from pydantic import ValidationError

from benchmarks.evidence.curve import points_of, save_curve
from benchmarks.evidence.findings import gather
from benchmarks.evidence.page import save_numbers, save_page
from benchmarks.evidence.progress import is_done, run_steps, seconds_of
from benchmarks.evidence.study import Step, group_name, keys_of, plan, read_study, regimes_of
from benchmarks.support.child_process import call
from engine.rows.evaluated import EvaluatedImage
from engine.toybox import CLASSES, SCENES
from tests.support.data.gallery_rows import commit

STUDIES = "evidence", "evidence-quick"


def values(words, name):
    return [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]


@pytest.mark.parametrize("name", STUDIES)
def test_every_step_comes_behind_those_that_it_needs(name, tmp_path):
    steps = plan(read_study(name), tmp_path)
    names = [step.name for step in steps]
    assert len(set(names)) == len(names)
    for number, step in enumerate(steps):
        assert set(step.after) <= set(names[:number]), step.name


@pytest.mark.parametrize("name", STUDIES)
def test_regimes_differ_in_their_data_and_words_alone(name, tmp_path):
    study = read_study(name)
    trained = [step for step in plan(study, tmp_path) if "/trained/" in step.name]
    assert {tuple(values(step.words, "schedule.steps")) for step in trained} == {(str(study.steps),)}
    for number in range(len(study.groups)):
        group = group_name(study, number)
        mine = [step for step in trained if step.name.startswith(group)]
        assert len(mine) == len(regimes_of(study, number)) * len(study.seeds)
        seeds = [tuple(values(step.words, "seed")) for step in mine]
        assert all(seeds.count((str(seed),)) == len(regimes_of(study, number)) for seed in study.seeds)
    assert {name for group in study.groups for name in group} <= set(CLASSES)
    assert {*study.scenes, *study.unseen} <= {phrase for _, phrase in SCENES}


def test_the_whole_study_has_two_to_five_concepts_and_look_alikes():
    study = read_study("evidence")
    assert {len(group) for group in study.groups} == {2, 3, 4, 5}
    assert all(
        any(len(set(group)) < len(group) for group in study.groups if len(group) == size) for size in (2, 3, 4, 5)
    )
    assert {study.regimes[name].data for name in ("10 composed", "30 composed", "100 composed")} == {
        "composed-10", "composed-30", "composed-100",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unseen": ["in a green meadow"]}, "is trained on and asked for"),
        ({"ablated": [99]}, "groups are 0 to"),
        ({"regimes": {"photos": {"data": "photos", "ablation": True}}}, "the first one is compared with"),
    ],
)
def test_an_unfair_study_is_refused(change, said):
    with pytest.raises(ValidationError, match=said):
        read_study("evidence").__class__(**{**read_study("evidence").model_dump(), **change})


def toys(name, out, *needs, classes="mug"):
    words = (
        "toybox",
        "--concepts",
        "1",
        "--photos",
        "1",
        "--size",
        "64",
        "--classes",
        classes,
        "--out",
        f"{out}/{name}",
    )
    return Step(name, words, needs)


def test_steps_run_once_and_what_needs_a_failed_one_is_left(tmp_path, capsys):
    first, wrong = toys("first", tmp_path), toys("wrong", tmp_path, "first", classes="dragon")
    behind = toys("behind", tmp_path, "wrong")
    problems = run_steps([behind, wrong, first], tmp_path, at_once=2)
    assert list(problems) == ["wrong"]
    assert "TOYBOX_CLASS" in problems["wrong"]
    assert "TOYBOX_CLASS" in capsys.readouterr().out, "said at once"
    keys = keys_of([first, wrong, behind])
    assert is_done("first", keys["first"], tmp_path)
    assert not (tmp_path / "behind").exists()
    assert list(seconds_of([first, wrong], tmp_path)) == ["first"]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "first").rglob("*")}
    assert run_steps([first], tmp_path, at_once=1) == {}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    other = Step("first", (*first.words, "--seed", "1"))
    changed = keys_of([other, wrong, behind])
    assert not is_done("first", changed["first"], tmp_path), "another command is another step"
    assert changed["behind"] != keys["behind"], "what is built on it is another one too"


def measured(study, out, folder, size, cp_clip):
    cast = tuple(f"toy_{number}" for number in range(size))
    rows = [
        EvaluatedImage(
            sample_id=f"{number:010d}", unit_id=0, seed=number, concepts=cast, caption=f"{size} in {scene}",
            cp_clip=cp_clip + 0.01 * number, ti_clip=0.2, swapped=0.1, collapsed=(False,) * size, status="accepted",
        )
        for number, scene in enumerate(study.unseen)
    ]  # fmt: skip
    commit(out / "evaluated" / "measured" / folder, rows)


@pytest.fixture
def finished(tmp_path):
    study = read_study("evidence")
    for number in (3, 6):  # of three and of four concepts
        home, size = tmp_path / group_name(study, number), len(study.groups[number])
        for place, name in enumerate(regimes_of(study, number)):
            for seed in study.seeds:
                number_ = len(study.seeds) * place + seed + 1
                measured(study, home, f"{number_:02d}-{name.replace(' ', '-')}", size, 0.2 + 0.1 * place)
        measured(study, home, f"{number_ + 1:02d}-base", size, 0.1)
        measured(study, home, "99-photos", size, 9.0)  # of another plan
        lone = EvaluatedImage(sample_id="0" * 10, unit_id=0, seed=0, status="accepted")
        commit(home / "evaluated" / "measured" / "real-photos", [lone])
        (home / "evaluated" / "evaluation.json").write_text("{}")
        asked = [{"caption": f"{size} in {scene}", "background": scene, "template": "x"} for scene in study.unseen]
        (home / "evaluated" / "questions.json").write_text(json.dumps(asked))
    return study, tmp_path


def test_the_rows_of_all_groups_are_one_table(finished):
    study, out = finished
    found = gather(study, out, range(len(study.groups)))
    assert found.groups == [group_name(study, 3), group_name(study, 6)]
    photos, gate = found.cell("photos", "3", "cp_clip"), found.cell("gate alone", "3", "cp_clip")
    assert photos["mean"] == pytest.approx(0.225)
    assert gate["mean"] == pytest.approx(0.525)
    assert found.cell("gate alone", "4", "cp_clip") is None, "no ablations there"
    ratio = found.ratio("curated", "3", "cp_clip")
    assert ratio["over"] == "photos"
    assert ratio["mean"] == pytest.approx(0.425 / 0.225)
    assert found.cell("base", "4", "cp_clip")["mean"] == pytest.approx(0.125)


def test_what_was_found_is_written_down_with_the_papers_figures_beside(finished):
    study, out = finished
    found, ablated = gather(study, out, range(len(study.groups))), gather(study, out, study.ablated)
    save_page(study, found, ablated, 7200, out / "evidence.md")
    save_numbers(study, found, ablated, 7200, out / "evidence.json")
    text = (out / "evidence.md").read_text()
    assert "## 4 concepts" in text
    assert "| curated | 0.425 (" in text
    assert "| 0.55, 0.16 |" in text
    assert "2.0 hours" in text
    numbers = json.loads((out / "evidence.json").read_text())
    assert numbers["seed"] == study.seed
    assert {"composed_over_photos", "curated_over_photos"} <= set(numbers["ratios"])
    assert "gate alone" not in {cell["model"] for cell in numbers["cells"]}, "it was not trained for all groups"
    assert "gate alone" in {cell["model"] for cell in numbers["ablated"]["cells"]}
    assert [count for count, *_ in points_of(study, ablated, "3")] == [0, 10, 30, 100, 300]
    save_curve(study, found, out / "evidence.svg")
    drawn = ET.parse(out / "evidence.svg").getroot()
    lines = [node for node in drawn if node.tag.endswith("polyline")]
    assert len(lines) == 2
    assert {len(line.get("points").split()) for line in lines} == {5, 2}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_one_cell_in_three_seeds_is_made_and_written_down(tmp_path):
    places = ("--out", tmp_path / "out", "--docs", tmp_path, "--numbers", tmp_path / "evidence.json")
    call([sys.executable, "-m", "benchmarks.evidence", "evidence-quick", *map(str, places)], timeout_s=3500)
    numbers = json.loads((tmp_path / "evidence.json").read_text())
    assert {cell["model"] for cell in numbers["cells"]} == {"photos", "composed", "curated", "base"}
    assert all(each["count"] == 12 for each in numbers["all_ratios"])
