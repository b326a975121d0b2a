from dataclasses import replace

import numpy as np
import pytest

from actors.compose.score import Score, placed_objects
from actors.score.clip import ClipScores, clip_judge, without_clip
from actors.score.detection import detection_judge, without_detector
from actors.score.identity import identity_judge, without_identity
from actors.score.scorers import ModelScores
from engine.compose.paste import over, paste
from engine.metrics.detection import Detections, visible_box
from engine.photos.images import decode, encode_jpeg
from engine.photos.library import CutoutInfo, Library, PixelCache, open_library
from engine.rows.composition import Composition, Placement
from engine.rows.values import Model
from engine.storage.stores import open_store
from tests.support.libraries import run_with_library
from tests.support.tiny_models import TOWER, save_open_clip, save_owlv2, written

SIZE = 96
COLORS = {"cat-1": (220, 120, 20), "cat-2": (200, 110, 30), "cup-1": (30, 60, 210)}


class ColorScorer:
    """A scorer whose embedding is the mean colour: exact, and as blind as a real one to everything else."""

    model = Model(name="mean colour", revision="1", license="CC0-1.0")

    def embed_images(self, images):
        means = [np.asarray(image, np.float32).reshape(-1, 3).mean(0) - 128 for image in images]
        return _unit(np.reshape(means, (-1, 3)))

    def embed_texts(self, texts):
        return _unit(np.asarray([[len(text), 1.0, 0.0] for text in texts], np.float32))


def _unit(rows):
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)).astype(np.float32)


@pytest.fixture
def library(tmp_path):
    infos, cache = {}, PixelCache()
    for key, color in COLORS.items():
        concept = key.split("-", maxsplit=1)[0]
        infos[key] = CutoutInfo(
            cutout_id=key,
            concept=concept,
            class_name=concept,
            license="CC0-1.0",
            source_sha256=f"sha-{key}",
            width=20,
            height=20,
        )
        cache.keep(key, np.full((20, 20, 4), (*color, 255), np.uint8))
    return Library(open_store(str(tmp_path)), infos, {}, cache)


@pytest.fixture
def row(library):
    return composed(library)


def composed(library):
    """A cup, and before it a cat."""
    far = Placement(
        cutout_id="cup-1", box=(0.1, 0.3, 0.5, 0.7), flip=False, order=0, support="ground", relative_size=1.0
    )
    near = Placement(
        cutout_id="cat-1", box=(0.45, 0.4, 0.9, 0.9), flip=True, order=1, support="ground", relative_size=0.8
    )
    background = np.full((SIZE, SIZE, 3), 128, np.uint8)
    pasted = paste(background, [library.pixels("cup-1"), library.pixels("cat-1")], [far, near])
    return Composition(
        sample_id="0",
        unit_id=0,
        seed=1,
        concepts=("cat", "cup"),
        cast=("cat-1", "cup-1"),
        placements=(far, near),
        foreground=pasted.foreground,
        layers=pasted.layers,
        image=encode_jpeg(over(pasted.foreground, background)),
        caption="a cat and a cup on a table",
        background_prompt="on a table",
        color_gains=tuple(tint.gain for tint in pasted.tints),
        color_offsets=tuple(tint.offset for tint in pasted.tints),
    )


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


class ScriptedDetector:
    """Finds what it is told to; remembers what it was asked for."""

    model = Model(name="scripted", revision="1", license="CC0-1.0")
    threshold = 0.5

    def __init__(self, *boxes):
        self.boxes, self.asked = boxes, []

    def detect(self, images, queries):
        self.asked += [list(names) for names in queries]
        return [
            Detections(
                np.asarray([box for box, _, _ in self.boxes], np.float32).reshape(-1, 4),
                np.asarray([score for _, score, _ in self.boxes], np.float32),
                np.asarray([names.index(name) for _, _, name in self.boxes], np.int64),
            )
            for names in queries
        ]


def test_identity_is_the_likeness_with_the_most_similar_reference(row, library):
    judge = identity_judge(ColorScorer(), library, 4)
    (likeness,) = judge([row], [decode(row.image)])
    assert all(score > 0.8 for score in likeness), likeness
    swapped = np.where(np.asarray(row.layers[1])[..., None] > 0, np.uint8(COLORS["cup-1"]), decode(row.image))
    (likeness,) = judge([row], [swapped])
    assert likeness[0] > 0.8
    assert likeness[1] < 0.5


def test_what_cannot_be_seen_has_no_likeness(row, library):
    hidden = (np.zeros((SIZE, SIZE), np.uint8), row.layers[1])
    (likeness,) = identity_judge(ColorScorer(), library, 4)([replace(row, layers=hidden)], [decode(row.image)])
    assert likeness[0] is None
    assert likeness[1] > 0.8


def test_the_detector_is_asked_for_the_classes_of_the_cast(row, library):
    cup, cat = (visible_box(layer) for layer in row.layers)
    detector = ScriptedDetector((cup, 0.9, "cup"), (cat, 0.3, "cat"), ((0.0, 0.0, 0.2, 0.2), 0.6, "cat"))
    (seen,) = detection_judge(detector, library)([row], [decode(row.image)])
    assert detector.asked == [["cup", "cat"]]
    assert seen.scores == pytest.approx((0.9, 0.3))
    assert (seen.object_recall, seen.surplus) == (0.5, 1)


def test_what_the_models_say_goes_to_the_object_that_they_say_it_of(row, library):
    (seen,) = detection_judge(ScriptedDetector((visible_box(row.layers[0]), 0.9, "cup")), library)([row], [None])
    verdict = ModelScores(ClipScores(), (0.25, 0.75), seen)
    cat, cup = placed_objects(row, decode(row.image), library, verdict)
    assert (cat.concept, cat.identity, cat.detection) == ("cat", 0.75, 0.0)
    assert (cup.identity, cup.detection) == (0.25, pytest.approx(0.9))


def test_without_models_there_are_no_numbers_of_theirs(row, library):
    assert without_identity([row], [None]) == [(None, None)]
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
