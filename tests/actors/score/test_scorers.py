from actors.compose.score import Score
from actors.score.clip import ClipScores
from actors.score.detection import Recognised
from actors.score.identity import Likenesses
from actors.score.rescore import Rescore
from actors.score.safety import Harm
from actors.score.scorers import ModelScores, object_columns, row_columns
from engine.metrics.table import table_of
from engine.rows.composition import Composition

SAID = ModelScores(
    ClipScores(clip_score=0.3, cp_clip=0.7, cp_clip_assigned=float("inf")),
    Likenesses((0.9, float("nan")), (0.05, float("nan"))),
    Recognised(scores=(0.8, float("nan")), surplus=2),
    Harm(unsafe=0.5),
)


def test_what_models_say_fills_every_column_that_needs_a_model_and_no_other():
    filled = {**row_columns(SAID), **object_columns(SAID)}
    table = table_of(Composition)
    assert set(filled) == {name for name, spec in table.items() if spec.needs}
    assert set(row_columns(SAID)) == {name for name, spec in table.items() if spec.needs and not spec.group}
    said = {
        name: filled[name]
        for name in ("clip_score", "ti_clip", "surplus", "unsafe", "harm", "identity", "copy_paste", "detection")
    }
    assert said == {
        "clip_score": 0.3, "ti_clip": None, "surplus": 2, "unsafe": 0.5, "harm": "", "identity": [0.9, None],
        "copy_paste": [0.05, None], "detection": [0.8, None],
    }  # fmt: skip


def test_a_model_that_answers_no_number_has_said_nothing():
    assert row_columns(SAID)["cp_clip_assigned"] is None
    assert object_columns(SAID)["identity"] == [0.9, None]


def test_a_model_that_is_given_fills_the_columns_that_need_it():
    clip = ("clip_score", "ti_clip", "cp_clip", "cp_clip_assigned")
    detector = ("detections", "object_recall", "surplus", "surplus_detection")
    model = {"model": "x"}
    assert Rescore.model_validate({"clip": model}).measured == clip
    assert Rescore.model_validate({"detector": model, "identity": model}).measured == (
        "identities",
        "copy_pastes",
        *detector,
    )
    assert Rescore.model_validate({"safety": model, "phash": True}).measured == ("unsafe", "harm", "phash")
    asked = Rescore.model_validate({"metrics": ["clip_i", "clipscore"], "clip": model, "embedding": "clip"})
    assert asked.measured == (*clip, "clip_i", "clipscore", "embedding")
    assert Rescore().measured == ()


def test_the_stages_write_the_columns_of_their_records():
    assert Score.writes[:3] == ("objects", "layout_valid", "seam")
    assert Score.writes[-3:] == ("unsafe", "harm", "models")
    assert "num_objects" not in Score.writes
    assert {"identities", "clipscore", "embedding", "phash", "models"} <= set(Rescore.writes)
    assert not {"sample_id", "unit_id", "seed", "of", "status"} & set(Rescore.writes)
