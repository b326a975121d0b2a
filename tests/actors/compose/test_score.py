from dataclasses import replace

import numpy as np
import pytest

from actors.compose.score import Score, placed_objects
from actors.score.clip import ClipScores, clip_judge, without_clip
from actors.score.detection import detection_judge, without_detector
from actors.score.identity import Likenesses, identity_judge, without_identity
from actors.score.references import on_grey
from actors.score.scorers import ModelScores
from engine.metrics.detection import visible_box
from engine.photos.images import decode
from engine.photos.library import open_library
from engine.rows.composition import Composition
from tests.support.data.colours import COLORS, SIZE, ColorScorer, ScriptedDetector, colour_library, composed
from tests.support.data.libraries import run_with_library
from tests.support.models.tiny_models import TOWER, save_open_clip, save_owlv2, written


@pytest.fixture
def library(tmp_path):
    return colour_library(tmp_path)


@pytest.fixture
def row(library):
    return composed(library)


def test_objects_stand_in_the_order_of_the_caption(row, library):
    cat, cup = placed_objects(row, decode(row.image), library)
    assert (cat.concept, cat.cutout_id, cat.order, cat.flip) == ("cat", "cat-1", 1, True)
    assert (cup.concept, cup.class_name, cup.source_sha256, cup.license) == ("cup", "cup", "sha-cup-1", "CC0-1.0")
    assert np.array_equal(decode(cup.mask), row.layers[0])
    assert cat.color_gain == row.color_gains[1]


def test_visible_fraction_counts_what_nearer_objects_hide(row, library):
    cat, cup = placed_objects(row, decode(row.image), library)
    assert cat.visible_fraction == 1.0
    hidden = 0.05 * 0.3 / (0.4 * 0.4)
    assert cup.visible_fraction == pytest.approx(1 - hidden, abs=0.05)


def test_identity_is_measured_on_the_stored_image(row, library):
    assert all(thing.identity_psnr > 38 for thing in placed_objects(row, decode(row.image), library))
    ruined = np.zeros((SIZE, SIZE, 3), np.uint8)
    assert all(thing.identity_psnr < 15 for thing in placed_objects(row, ruined, library))


def test_without_a_model_no_number_is_called_a_clip_score(row):
    (scores,) = without_clip([row], [decode(row.image)])
    assert (scores.clip_score, scores.ti_clip, scores.cp_clip, scores.cp_clip_assigned) == (None,) * 4
    assert Score().clip is None


def test_clip_columns_of_a_batch(row, library):
    judge = clip_judge(ColorScorer(), library, 4)
    stored = decode(row.image)
    first, second = judge([row, row], [stored, stored])
    assert first == second
    assert first.cp_clip > 0.95
    assert first.cp_clip_assigned == pytest.approx(first.cp_clip)
    assert -1 <= first.ti_clip <= 1


def test_a_duplicate_lowers_the_assigned_score_alone(row, library):
    cat = row.placements[1]
    twice = Composition(
        sample_id="1",
        unit_id=0,
        seed=1,
        concepts=row.concepts,
        placements=(cat, cat),
        caption="x",
        background_prompt="y",
    )
    (scores,) = clip_judge(ColorScorer(), library, 4)([twice], [decode(row.image)])
    assert scores.cp_clip > 0.95
    assert scores.cp_clip_assigned < 0.7


def test_reads_what_it_needs_and_writes_the_score_columns():
    assert "seam" in Score.writes
    assert "image" in Score.reads


def test_identity_is_the_likeness_with_the_most_similar_reference(row, library):
    judge = identity_judge(ColorScorer(), library, 4)
    (likeness,) = judge([row], [decode(row.image)])
    assert all(score > 0.8 for score in likeness.identity), likeness
    swapped = np.where(np.asarray(row.layers[1])[..., None] > 0, np.uint8(COLORS["cup-1"]), decode(row.image))
    (likeness,) = judge([row], [swapped])
    assert likeness.identity[0] > 0.8
    assert likeness.identity[1] < 0.5


def test_what_cannot_be_seen_has_no_likeness(row, library):
    hidden = (np.zeros((SIZE, SIZE), np.uint8), row.layers[1])
    (likeness,) = identity_judge(ColorScorer(), library, 4)([replace(row, layers=hidden)], [decode(row.image)])
    assert (likeness.identity[0], likeness.copy_paste[0]) == (None, None)
    assert likeness.identity[1] > 0.8


def test_what_was_pasted_says_nothing_of_identity_and_all_of_copy_paste(row, library):
    """The pasted photo was the best reference of all, so everything scored high."""
    (said,) = identity_judge(ColorScorer(), library, 4)([row], [decode(row.image)])
    cup, cat = (unit(library.pixels(key)) for key in ("cup-1", "cat-1"))
    other_cup, other_cat = (unit(library.pixels(key)) for key in ("cup-2", "cat-2"))
    assert said.identity == pytest.approx((float(cup @ other_cup), float(cat @ other_cat)), abs=0.1)
    assert said.copy_paste == pytest.approx((1 - float(cup @ other_cup), 1 - float(cat @ other_cat)), abs=0.1)
    alone = replace(library, cutouts={key: library.cutouts[key] for key in ("cup-1", "cup-2", "cat-1")})
    (said,) = identity_judge(ColorScorer(), alone, 4)([row], [decode(row.image)])
    assert (said.identity[1], said.copy_paste[1]) == (None, None), "a cat of one photo"
    assert said.identity[0] > 0.8
    assert clip_judge(ColorScorer(), alone, 4)([row], [decode(row.image)])[0].cp_clip is None


def test_the_same_photo_under_another_name_is_no_other_photo(row, library):
    twin = replace(library.cutouts["cat-2"], source_sha256="sha-cat-1")
    again = replace(library, cutouts={**library.cutouts, "cat-2": twin})
    (said,) = identity_judge(ColorScorer(), again, 4)([row], [decode(row.image)])
    assert said.identity[1] is None


def unit(cutout):
    return ColorScorer().embed_images([on_grey(cutout)])[0]


def test_the_detector_is_asked_for_the_classes_of_the_cast(row, library):
    cup, cat = (visible_box(layer) for layer in row.layers)
    detector = ScriptedDetector((cup, 0.9, "cup"), (cat, 0.3, "cat"), ((0.0, 0.0, 0.2, 0.2), 0.6, "cat"))
    (seen,) = detection_judge(detector, library)([row], [decode(row.image)])
    assert detector.asked == [["cup", "cat"]]
    assert seen.scores == pytest.approx((0.9, 0.3))
    assert (seen.object_recall, seen.surplus) == (0.5, 1)


def test_what_the_models_say_goes_to_the_object_that_they_say_it_of(row, library):
    (seen,) = detection_judge(ScriptedDetector((visible_box(row.layers[0]), 0.9, "cup")), library)([row], [None])
    verdict = ModelScores(ClipScores(), Likenesses((0.25, 0.75), (0.1, 0.2)), seen)
    cat, cup = placed_objects(row, decode(row.image), library, verdict)
    assert (cat.concept, cat.identity, cat.copy_paste, cat.detection) == ("cat", 0.75, 0.2, 0.0)
    assert (cup.identity, cup.detection) == (0.25, pytest.approx(0.9))


def test_without_models_there_are_no_numbers_of_theirs(row, library):
    assert without_identity([row], [None]) == [Likenesses((None, None), (None, None))]
    (seen,) = without_detector([row], [None])
    assert (seen.scores, seen.object_recall, seen.surplus) == ((None, None), None, None)
    assert all(
        thing.identity is None and thing.detection is None for thing in placed_objects(row, decode(row.image), library)
    )


def test_all_models_of_a_stage_are_loaded_and_named(tmp_path):
    run = run_with_library(tmp_path, {"cat": "cat", "cup": "cup"})
    models = {
        "clip": save_open_clip(tmp_path / "a-clip"),
        "identity": written("dinov2", {**TOWER, "image_size": 56, "patch_size": 14}, tmp_path / "a-dino", "apache-2.0"),
        "detector": save_owlv2(tmp_path / "an-owl"),
    }
    stage = Score.model_validate({kind: {"model": str(folder)} for kind, folder in models.items()})
    (scored,) = stage.load(run)([composed(open_library(run.library))])
    assert [model.name for model in scored.models] == ["a-clip", "a-dino", "an-owl"]
    assert scored.clip_score is not None
    assert scored.object_recall is not None
    assert all(thing.identity is not None and thing.detection is not None for thing in scored.objects)
