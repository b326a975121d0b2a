import json
import xml.etree.ElementTree as ET

import pytest

from actors.micro.parts import MICRO
from actors.micro.spec import Measurement
from cluster.session import NONE, session
from engine.errors import EnvironmentProblem, UsageError
from engine.registry import Registry
from engine.storage.open_store import open_store
from engine.training.local import train_locally
from engine.training.resources import TrainingResources, TrainingStorage
from jobs.compose.compose import compose
from jobs.compose.recipes import load
from jobs.compose.request import ComposeRequest
from jobs.console import Console
from jobs.run_loop import Budget
from jobs.train.micro import evaluate_family, train_part
from jobs.train.micro_plan import MicroRequest, choose, plan
from jobs.train.micro_report import (
    FILE,
    POINTS,
    Trained,
    draw_curve,
    read_record,
    record_rows,
    record_training,
    thin_curve,
    write_report,
)  # fmt: skip
from tests.support.data.photos import concept_folder
from tests.support.models.tiny_training import TinyPart
from tests.support.processes.s3_server import BUCKET, environment, s3_environment, s3_server

TINY = "tests.support.models.tiny_training"
PARTS = Registry("part", {"built": f"{TINY}:BuiltPart", "tiny": f"{TINY}:TinyPart"})
QUIET = Console("quiet")


def order(folder, *parts, **fields):
    return MicroRequest(
        parts=parts,
        out=f"{folder}/out",
        data=f"{folder}/data",
        work=f"{folder}/work",
        report=folder / "micro.md",
        **fields,
    )


def storage(folder):
    return TrainingStorage(data=f"{folder}/data", out=f"{folder}/out", work=f"{folder}/work")


def trained(**fields):
    known = {
        "part": "tiny",
        "sentence": "A network.",
        "fields": {"seed": 0, "schedule": {"steps": 300, "betas": [0.9, 0.99]}},
        "where": "1 x 2 CPU cores",
        "seconds": 90.0,
        "curve": [(step, 100 / step) for step in range(10, 301, 10)],
    }
    return Trained(**{**known, **fields})


def test_parts_come_behind_those_they_need(tmp_path):
    assert [spec.name for spec in plan(order(tmp_path), PARTS)] == ["tiny", "built"]
    (spec,) = plan(order(tmp_path, "tiny", overrides=("tiny.schedule.steps=7",), seed=5), PARTS)
    assert (spec.schedule.steps, spec.seed) == (7, 5)


def test_a_part_whose_need_was_trained_before_stands_alone(tmp_path):
    with pytest.raises(UsageError, match=r"MICRO_NEEDS .*'built' is built on 'tiny'"):
        plan(order(tmp_path, "built"), PARTS)
    train_locally(TinyPart(), storage(tmp_path))
    assert [spec.name for spec in plan(order(tmp_path, "built"), PARTS)] == ["built"]


def test_unknown_parts_and_settings_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"MICRO_PART[\s\S]*did you mean 'scorer'"):
        choose(["scorr"], MICRO)
    assert choose(["planner", "scorer", "planner"], MICRO) == ["planner", "scorer"]
    assert {"composer", "composer_autoencoder"} & {*choose([], MICRO)} == set(), "hours, for what does not ship"
    assert len(choose([], MICRO)) == len([*MICRO]) - 2
    for item, code in (
        ("built.seed=1", "RECIPE_SET"),
        ("steps", "RECIPE_SET"),
        ("tiny.stpes=1", "RECIPE_KEY"),
        ("tiny.schedule.lr=fast", "RECIPE_VALUE"),
    ):
        with pytest.raises(UsageError, match=code):
            plan(order(tmp_path, "tiny", overrides=(item,)), PARTS)


def test_measuring_prints_rows_and_records_them_when_asked(tmp_path, capsys):
    train_locally(TinyPart(), storage(tmp_path))
    (tmp_path / "data" / "photos_test").mkdir(parents=True)
    call = {"seed": 3, "console": Console("json"), "catalogue": PARTS, "address": NONE}
    evaluate_family((), f"{tmp_path}/out", f"{tmp_path}/data", record=False, **call)
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row.keys() == {"part", "metric", "value", "target", "met"}
    assert (row["part"], row["target"], row["met"]) == ("tiny", 0.5, True)
    assert not (tmp_path / "out" / FILE).exists()
    evaluate_family(("tiny",), f"{tmp_path}/out", f"{tmp_path}/data", record=True, **call)
    known = read_record(open_store(f"{tmp_path}/out"))["tiny"]
    assert known == {"rows": [row], "evaluated_with_seed": 3}


@pytest.mark.slow  # 50 s
def test_a_family_in_a_bucket_is_measured_and_recorded_there(tmp_path):
    pytest.importorskip("moto")
    (tmp_path / "data" / "photos_test").mkdir(parents=True)
    with s3_server() as address, environment(s3_environment(address)):
        uri = f"s3://{BUCKET}/family"
        train_locally(TinyPart(), TrainingStorage(data=str(tmp_path), out=uri, work=f"{tmp_path}/work"))
        (spec,) = plan(MicroRequest(parts=("built",), out=uri, data="", work="", report=tmp_path), PARTS)
        assert spec.name == "built", "what it needs lies in the bucket"
        call = {"seed": 3, "record": True, "console": QUIET, "address": NONE, "catalogue": PARTS}
        (row,) = evaluate_family((), uri, f"{tmp_path}/data", **call)
        assert read_record(open_store(uri))["tiny"]["rows"][0]["value"] == row.value


def test_parts_that_were_trained_at_different_times_keep_their_rows(tmp_path):
    family = open_store(str(tmp_path))
    record_training(family, trained())
    record_rows(family, [Measurement("tiny", "fit", 0.75, 0.5)], 0)
    record_rows(family, [Measurement("other", "fit", 0.25, 0.5)], 1)
    write_report(family, tmp_path / "docs" / "micro.md")
    page = (tmp_path / "docs" / "micro.md").read_text()
    assert "| tiny | fit | 0.750 | 0.5 | yes |" in page
    assert "| other | fit | 0.250 | 0.5 | no |" in page
    assert "A network.\n\n300 steps, 1.5 min on 1 x 2 CPU cores." in page
    assert "| `schedule.betas` | `[0.9, 0.99]` |" in page
    assert "](micro/tiny.svg)" in page
    assert "not on record" in page
    svg = ET.parse(tmp_path / "docs" / "micro" / "tiny.svg").getroot()
    assert svg.tag.endswith("svg")
    record_training(family, trained(sentence="Another network."))
    assert "rows" not in read_record(family)["tiny"], "the figures of the older weights go"
    assert read_record(family)["other"]["rows"]


def test_a_broken_record_is_named(tmp_path):
    for text in ("{", "[]", "{}", '{"parts": 3}'):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(EnvironmentProblem, match="MICRO_RECORD"):
            read_record(open_store(str(tmp_path)))


def test_curves_are_thinned_and_drawn():
    curve = thin_curve([(step, float(step % 2)) for step in range(1, 1001)])
    assert len(curve) <= POINTS
    assert curve[-1][0] == 1000
    assert thin_curve([]) == []
    assert thin_curve([(1, 2.0)]) == [(1, 2.0)]
    for losses in ([(1, 2.0)], [(1, 0.0), (2, 0.0)], curve):
        (line,) = [node for node in ET.fromstring(draw_curve("x", losses)) if node.tag.endswith("polyline")]
        points = [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
        assert len(points) == len(losses)
        assert all(0 <= x <= 640 and 0 <= y <= 220 for x, y in points)


def test_a_part_is_trained_on_a_cluster_measured_and_written_down(tmp_path, ray_address):
    with session(ray_address):
        (row,) = train_part(TinyPart(), storage(tmp_path), TrainingResources(), tmp_path / "micro.md", QUIET)
    assert row.met
    known = read_record(open_store(f"{tmp_path}/out"))["tiny"]
    assert known["sentence"] == "A network of a thousand parameters that learns a bent plane."
    assert known["rows"][0]["met"]
    assert known["where"] == "1 x 1 CPU core"
    assert known["curve"][-1][0] == 300
    assert known["fields"]["schedule"]["steps"] == 300
    assert "## tiny" in (tmp_path / "micro.md").read_text()


def test_compose_refuses_models_that_cannot_be_loaded_before_anything_starts(tmp_path):
    photos = concept_folder(tmp_path / "photos", each=1)
    for model, code in (("shipped:micro/none", "WEIGHTS_NOT_SHIPPED"), (str(tmp_path), "WEIGHTS_MISSING")):
        recipe = load("classic", [f"score.clip.model={model}"])
        asked = ComposeRequest(
            recipe=recipe, photos=str(photos), samples=1, out=str(tmp_path / "out"), budget=Budget(count=0)
        )
        with pytest.raises(EnvironmentProblem, match=code):
            compose(asked, QUIET)
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").rglob("*.parquet"))
