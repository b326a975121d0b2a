import json

import pytest

from benchmarks.support.curate_data import write_dataset
from engine.dataset.score_table import open_scores
from engine.dataset.views import open_dataset
from engine.errors import UsageError
from jobs.curate.calibrate import fit_gate, read_labels
from planners.curate.calibrate import Goal
from tests.support.processes.command import mycanvas


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrate") / "data"
    write_dataset(folder, units=4, unit_rows=100, image_bytes=8)
    return folder


@pytest.fixture(scope="module")
def labels(data):
    """A person who accepts whatever CLIP likes, of the first 300 rows."""
    with open_scores(open_dataset(str(data))) as scores:
        known = scores.ask("select sample_id, clip_score from scores order by sample_id limit 300").to_pylist()
    lines = [f"{row['sample_id']},{5 if row['clip_score'] >= 0.28 else 2}" for row in known]
    path = data.parent / "labels.csv"
    path.write_text("\r\n".join(["sample_id,rating", *lines, "9999999999,5"]) + "\r\n")
    return path


def test_the_command_says_thresholds_quality_and_yield(data, labels):
    told = json.loads(mycanvas("gate", "calibrate", data, "--labels", labels, "--format", "json"))
    assert told["fit"]["thresholds"]["min_clip_score"] == pytest.approx(0.28, abs=0.005)
    assert told["fit"]["held_out"]["precision"] > 0.95
    assert (told["labelled"], told["rows"]) == (300, 400)
    assert sum(kept for kept, _ in told["kept_by_count"].values()) == told["kept"]
    assert 150 < told["kept"] < 250
    filtered = json.loads(
        mycanvas("filter", data, "--where", f"status is not null and {told['where']}", "--format", "json")
    )
    assert filtered["rows"] == told["kept"]
    shown = mycanvas("gate", "calibrate", data, "--labels", labels, "--precision", "0.9")
    assert "gate.min_clip_score=0.2" in shown
    assert "held-out" in shown


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("sample_id,rating\n1,4\n", "LABELS_FEW", "1 labels are of rows that the dataset does not have"),
        ("id,stars\n1,4\n", "LABELS_UNREADABLE", "sample_id and rating"),
        ("sample_id,rating\n1,4\n2,good\n", "LABELS_UNREADABLE", "labels.csv:3"),
        ("", "LABELS_UNREADABLE", "first line"),
    ],
)
def test_labels_that_cannot_be_used_are_named(data, tmp_path, text, code, said):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=code) as caught:
        fit_gate(str(data), path, accept=4, goal=Goal())
    assert said in str(caught.value)


def test_words_and_numbers_are_ratings(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("sample_id,rating,by\na, Accept ,me\nb,reject,me\nc,3.5,me\n")
    assert read_labels(path) == {"a": 5.0, "b": 1.0, "c": 3.5}
    with pytest.raises(UsageError, match="LABELS_UNREADABLE"):
        read_labels(tmp_path / "nowhere.csv")
