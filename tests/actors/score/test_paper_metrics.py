"""The unit cases of CP-CLIP as published, and the other metrics of papers, on colours that are known."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import save_file

from actors.backends.score.linear_head import LinearHead
from actors.score.clip import ClipScores
from actors.score.detection import detection_judge
from actors.score.identity import Likenesses
from actors.score.paper_metrics import metric_functions, metric_judge
from actors.score.rescore import REQUESTS, Rescore
from actors.score.scorers import Loaded, ModelScores
from engine.errors import UsageError
from engine.metrics.detection import visible_box
from engine.photos.images import decode
from engine.rows.added_scores import AddedScores
from engine.rows.metric import metric_fields
from tests.support.data.colours import ColorScorer, ScriptedDetector, colour_library, composed

CUP, CAT = 0, 1  # of the row's layers


@pytest.fixture
def library(tmp_path):
    return colour_library(tmp_path)


@pytest.fixture
def row(library):
    return composed(library)


def measured(row, library, metrics, *, detector=None, stored=None, clip_score=0.2):
    pixels = decode(row.image) if stored is None else stored
    loaded = Loaded(ColorScorer(), ColorScorer(), detector)
    said = ModelScores(
        ClipScores(clip_score=clip_score, image=ColorScorer().embed_images([pixels])[0]),
        Likenesses((None, None), (None, None)),
        detection_judge(detector, library)([row], [pixels])[0] if detector else None,
    )
    known = metric_functions(AddedScores)
    asked = {name: known.resolve(name) for name, spec in metric_fields(AddedScores).items() if spec.request in metrics}
    (columns,) = metric_judge(loaded, library, 4, asked)([row], [pixels], [said])
    return columns


def detected(row, library, *boxes):
    """CP-CLIP of what a detector says, and the assigned one."""
    columns = measured(row, library, ["cp_clip_detected"], detector=ScriptedDetector(*boxes))
    return columns["cp_clip_detected"], columns["cp_clip_detected_assigned"], columns


@pytest.fixture
def boxes(row):
    return [visible_box(layer) for layer in row.layers]


def test_nothing_detected_is_zero(row, library):
    published, assigned, columns = detected(row, library)
    assert (published, assigned, columns["concept_recall"], columns["surplus_instances"]) == (0.0, 0.0, 0.0, 0)


def test_both_found_and_one_missing(row, library, boxes):
    whole, assigned, columns = detected(row, library, (boxes[CUP], 0.9, "cup"), (boxes[CAT], 0.8, "cat"))
    assert whole == pytest.approx(assigned)
    assert whole > 0.9
    assert columns["concept_recall"] == 1.0
    half, _, columns = detected(row, library, (boxes[CUP], 0.9, "cup"), (boxes[CAT], 0.4, "cat"))
    assert half == pytest.approx(whole / 2, abs=0.03)
    assert columns["concept_recall"] == 0.5


def test_surplus_boxes_do_not_change_the_published_score(row, library, boxes):
    both = ((boxes[CUP], 0.9, "cup"), (boxes[CAT], 0.8, "cat"))
    third = ((0.0, 0.0, 0.2, 0.2), 0.7, "cat")
    published, _, columns = detected(row, library, *both, third)
    assert published == detected(row, library, *both)[0]
    assert columns["surplus_instances"] == 1


def test_an_identity_swap_costs_in_the_assigned_score_alone(row, library, boxes):
    """Both boxes show the cat: equation 3 takes it twice, an assignment once."""
    published, assigned, _ = detected(row, library, (boxes[CAT], 0.9, "cup"), (boxes[CAT], 0.8, "cat"))
    assert published > 0.9
    assert assigned < 0.7


def test_the_whole_picture_and_what_is_cut_out_of_it(row, library):
    columns = measured(row, library, ["clip_i", "dino", "seg_clip_i", "seg_dino"])
    assert columns["clip_i"] == columns["dino"]
    assert columns["seg_clip_i"] == columns["seg_dino"]
    assert len(columns["clip_i"]) == len(columns["seg_dino"]) == 2
    assert min(columns["seg_dino"]) > 0.8  # each is its own colour; the whole picture is a bit of both
    assert min(columns["dino"]) < min(columns["seg_dino"])
    hidden = replace(row, layers=(np.zeros_like(row.layers[0]), row.layers[1]))
    assert measured(hidden, library, ["seg_dino"], stored=decode(row.image))["seg_dino"][0] is None


def test_clipscore_is_beside_the_raw_cosine(row, library):
    assert measured(row, library, ["clipscore"], clip_score=0.2) == {"clipscore": pytest.approx(0.5)}
    assert measured(row, library, ["clipscore"], clip_score=-0.2) == {"clipscore": 0.0}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_metric_without_its_model_is_refused(name):
    with pytest.raises(ValidationError, match=f"metric {name} needs"):
        Rescore(metrics=(name,))
    specs = {column: spec for column, spec in metric_fields(AddedScores).items() if spec.request == name}
    models = {model: {"model": "x"} for spec in specs.values() for model in spec.needs}
    assert name in specs
    assert set(specs) < set(Rescore(metrics=(name,), **models).measured)


def test_a_metric_that_nobody_knows_is_named():
    with pytest.raises(ValidationError, match="no metric is called 'clip_j'; there are: clipscore, clip_i"):
        Rescore.model_validate({"metrics": ["clip_j"], "clip": {"model": "x"}})


def test_embeddings_and_heads_need_their_model():
    for keys in ({"embedding": "clip"}, {"embedding": "identity"}, {"aesthetic": {"model": "x"}}):
        with pytest.raises(ValidationError, match="needs"):
            Rescore.model_validate(keys)


def test_a_head_is_a_line_over_the_embedding(tmp_path):
    save_file(
        {"weight": np.asarray([[1.0, 2.0, 0.0]], np.float32), "bias": np.asarray([5.0], np.float32)},
        tmp_path / "head.safetensors",
    )
    head = LinearHead(str(tmp_path), "", 3)
    assert head.judge(np.asarray([0.6, 0.8, 0.0], np.float32)) == pytest.approx(7.2)
    assert head.model.revision.startswith("blake2b:")
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        LinearHead(str(tmp_path), "", 4)
