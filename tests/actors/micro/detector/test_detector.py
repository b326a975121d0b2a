import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from actors.micro.detector.data import DetectionBatch, disguise, draw_batch, draw_close, join_batches, mosaics
from actors.micro.detector.detector import DetectorTask
from actors.micro.detector.measures import mean_average_precision, recall_and_precision, truth_of, working_threshold
from actors.micro.detector.net import PROMPTS, new_net
from actors.micro.detector.words import train_tokenizer
from actors.micro.identity.identity import IdentityNet
from actors.micro.identity.identity import save as save_identity
from actors.micro.specs import DetectorTraining, IdentityTraining
from engine.metrics.detection import Detections
from engine.seeds import rng
from engine.toybox import CLASSES
from engine.toybox.sets import ToySet
from engine.training.local import train_locally
from engine.training.resources import TrainingStorage
from engine.training.schedule import Schedule
from tests.support.models.tiny_models import tiny_tower

torch.set_num_threads(1)
SPEC = DetectorTraining(
    text_width=16, text_layers=1, side=70, first_toys=9, vocabulary=560, batch=4, photos=0.25, mosaics=0.25,
    schedule=Schedule(steps=3, lr=1e-3, warmup=1, log_every=1, bf16=False),
)  # fmt: skip


def toy_set(count, seed=0):
    """Squares whose brightness is their class, one to three a picture."""
    draw = np.random.default_rng(seed)
    images = np.full((count, 256, 256, 3), 20, np.uint8)
    counts = draw.integers(1, 4, count).astype(np.int8)
    boxes, classes = np.zeros((count, 5, 4), np.float32), np.full((count, 5), -1, np.int16)
    for index, number in enumerate(counts):
        for place in range(number):
            x0, y0 = place * 80 + 4, int(draw.integers(0, 180))
            classes[index, place] = draw.integers(3)
            boxes[index, place] = np.asarray([x0, y0, x0 + 70, y0 + 70]) / 256
            images[index, y0 : y0 + 70, x0 : x0 + 70] = 100 + 50 * classes[index, place]
    instances = np.where(classes >= 0, 0, -1).astype(np.int32)
    return ToySet(images, images[..., 0], counts, boxes, classes, instances, np.zeros(count, np.int16), seed=0)


SEEN = toy_set(4).images


@pytest.fixture
def sets(monkeypatch):
    known = {"groups": toy_set(12), "photos": toy_set(6, 1), "groups_test": toy_set(5, 2)}
    monkeypatch.setattr("actors.micro.detector.detector.open_set", lambda folder, name: known[name])
    return known


@pytest.mark.parametrize("seed", range(8))
def test_changed_pictures_keep_their_objects_in_their_boxes(seed):
    data = toy_set(10)
    batch = draw_batch(((data, 10), (data, 5)), (5, 3), 64, rng(seed, "t"))
    assert batch.images.shape == (8, 64, 64, 3)
    assert batch.counts.sum() > 0
    for image, boxes, labels, count in zip(batch.images, batch.boxes, batch.labels, batch.counts, strict=True):
        shades = []
        for x0, y0, x1, y1 in boxes[:count]:
            rows, columns = slice(round(y0 * 64) + 2, round(y1 * 64) - 2), slice(round(x0 * 64) + 2, round(x1 * 64) - 2)
            inside = image[rows, columns].astype(int)
            assert np.ptp(inside) <= 3
            shades.append(int(inside.mean()))
        assert [a < b for a, b in pairwise(shades)] == [a < b for a, b in pairwise(labels[:count])]


def test_up_close_a_toy_fills_much_of_its_picture_and_keeps_its_box():
    data = toy_set(10)
    batch = draw_close(((data, 10), (data, 5)), (20, 20), 56, rng(0, "t"))
    largest = [
        np.prod(own[:count, 2:] - own[:count, :2], axis=1).max()
        for own, count in zip(batch.boxes, batch.counts, strict=True)
    ]
    assert np.median(largest) > 0.3
    for image, boxes, count in zip(batch.images, batch.boxes, batch.counts, strict=True):
        x0, y0, x1, y1 = (boxes[:count] * 56).round().astype(int)[0]
        assert np.ptp(image[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].astype(int)) <= 3


def test_in_a_mosaic_every_toy_keeps_its_place_and_its_name():
    data = toy_set(8)
    tiles = draw_close(((data, 8),), (19,), 24, rng(0, "t"))
    for cells, side, count in ((2, 48, 4), (3, 70, 2)):
        made = mosaics(tiles, cells, side)
        assert made.images.shape == (count, side, side, 3)
        assert list(made.counts) == [tiles.counts[n * cells**2 : (n + 1) * cells**2].sum() for n in range(count)]
        for image, boxes, labels, known in zip(made.images, made.boxes, made.labels, made.counts, strict=True):
            for (x0, y0, x1, y1), label in zip((boxes[:known] * side).round().astype(int), labels, strict=False):
                inside = image[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]
                assert not inside.size or abs(np.median(inside.astype(int)) - (100 + 50 * label)) <= 60
    both = join_batches(made, made)
    assert np.array_equal(both.boxes[2:], both.boxes[:2])
    assert list(both.counts) == [*made.counts, *made.counts]


def test_disguised_pictures_keep_their_shapes_and_lose_what_colour_says():
    red = np.zeros((64, 40, 40, 3), np.uint8)
    red[:, 10:30, 10:30, 0] = 200
    nothing = np.zeros((64, 1, 4), np.float32)
    batch = disguise(DetectionBatch(red, nothing, np.zeros((64, 1), np.int64), np.ones(64, np.int64)), rng(0, "t"))
    tops = batch.images[:, 20, 20].argmax(axis=1)
    assert set(tops) == {0, 1, 2}
    assert 0.5 < (tops == 0).mean() < 0.8, "half are left as they are, and a third of the others come out the same"
    assert (batch.images[:, 20, 20].max(axis=1) == 200).all()
    assert (batch.images[:, 2, 2] == 0).all()
    soft = [len(np.unique(image)) > 2 for image in batch.images]
    assert 0.3 < np.mean(soft) < 0.7


@pytest.mark.parametrize("tiny", [0.0, 0.5])
def test_after_the_first_round_groups_come_small_as_well(tiny):
    tokenizer = train_tokenizer(CLASSES, 560, 16)
    spec = SPEC.model_copy(update={"schedule": replace(SPEC.schedule, steps=6, restart_every=3), "tiny": tiny})
    data = toy_set(12)
    data.counts[:] = 1
    task = DetectorTask(spec, new_net(spec, tokenizer, tiny_tower(), SEEN), tokenizer, (data, 12), data)
    task.loss(3, 0)
    harder, plain = task._harder_batch(rng(0, "t")), task._detection_batch(task._sizes, rng(0, "t"))
    assert len(harder.images) == len(plain.images)
    assert (harder.counts >= 4).sum() == round(spec.batch * (spec.mosaics + tiny))


def test_shares_that_leave_no_groups_are_refused():
    with pytest.raises(ValueError, match="leave no groups in a batch"):
        DetectorTraining(photos=0.5, tiny=0.4)


def test_the_same_draw_gives_the_same_batch():
    data = toy_set(6)
    first, second = (draw_batch(((data, 6),), (4,), 64, rng(3, "t")) for _ in range(2))
    assert np.array_equal(first.images, second.images)
    assert np.array_equal(first.boxes, second.boxes)


def test_the_tokenizer_spells_what_it_never_saw():
    tokenizer = train_tokenizer([prompt.format("mug") for prompt in PROMPTS], 560, 16)
    spelled = tokenizer("A photo of a ZEBRA, 7!")["input_ids"]
    assert spelled[0] == tokenizer.bos_token_id > 0
    assert spelled.index(max(spelled)) == len(spelled) - 1, "the text tower pools at the highest number"
    assert tokenizer.tokenize("a photo") == ["a</w>", "photo</w>"]
    assert len(tokenizer) <= 560


def test_an_untrained_net_says_nowhere_with_every_patch_in_its_place():
    tokenizer = train_tokenizer(CLASSES, 560, 16)
    task = DetectorTask(SPEC, new_net(SPEC, tokenizer, tiny_tower(), SEEN), tokenizer, (toy_set(4), 4), toy_set(4))
    loss, terms = task.loss(2, 0)
    assert torch.isfinite(loss)
    assert terms["focal"] < 4
    again, _ = task.loss(2, 0)
    assert torch.equal(loss, again)
    assert set(task.loss(0, 0)[1]) == {"names", "presence"}, "names come before boxes"


def test_a_trained_part_is_saved_with_a_threshold_and_measured_through_the_backend(sets, tmp_path):
    reports = []
    identity = IdentityTraining(layers=1, width=32, size=56)
    save_identity(identity, IdentityNet(identity, 4), tmp_path / "out" / "identity")
    storage = TrainingStorage(data=str(tmp_path), out=str(tmp_path / "out"), work=str(tmp_path / "work"))
    train_locally(SPEC, storage, tell=reports.append)
    assert [report.step for report in reports] == [1, 2, 3]
    assert 0 <= json.loads((tmp_path / "out/detector/detector.json").read_text())["threshold"] <= 1
    rows = SPEC.evaluate(tmp_path / "out", tmp_path, seed=0)
    assert [(row.part, row.metric, row.target) for row in rows][:2] == [
        ("detector", "ap50", 0.8),
        ("detector", "object_recall", 0.98),
    ]
    assert all(0 <= row.value <= 1 for row in rows)


def test_the_default_net_has_three_million_parameters():
    tokenizer = train_tokenizer(CLASSES, 560, 16)
    assert (
        2e6
        < sum(
            weight.numel() for weight in new_net(DetectorTraining(), tokenizer, tiny_tower(160, 6), SEEN).parameters()
        )
        < 4.5e6
    )


class Oracle:
    """Finds every square but the last of each picture, and one thing that is not there."""

    threshold = 0.5

    def __init__(self, data):
        self.truth = iter(truth_of(data, range(len(data))))

    def detect(self, images, queries):
        answers = []
        for _, names in zip(images, queries, strict=True):
            known = next(self.truth)
            boxes = np.concatenate((known.boxes[:-1], np.asarray([[0.9, 0.9, 1.0, 1.0]], np.float32)))
            labels = [list(names).index(CLASSES[number]) for number in known.classes[:-1]]
            scores = np.asarray([0.9] * len(labels) + [0.6], np.float32)
            answers.append(Detections(boxes, scores, np.asarray([*labels, 0], np.int64)))
        return answers


def test_measures_of_a_detector_whose_mistakes_are_known():
    data = toy_set(20)
    truth, objects = truth_of(data, range(20)), int(data.counts.sum())
    recall, precision = recall_and_precision(Oracle(data), data, truth)
    assert recall == pytest.approx((objects - 20) / objects)
    assert precision == pytest.approx((objects - 20) / objects)
    assert mean_average_precision(Oracle(data), data, truth) == pytest.approx(recall, abs=0.15)
    for wanted, limit in ((0.99, 0.62), (0.01, 0.02), (2.0, 0.62)):
        assert working_threshold(Oracle(data), data, truth, wanted) == limit
