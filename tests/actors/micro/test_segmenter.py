import numpy as np
import torch

from actors.backends.segment.isnet import IsNetSegmenter
from actors.micro.segmenter import SegmenterTask, iou, save, side_loss
from actors.micro.specs import SegmenterTraining
from engine.training.schedule import Schedule
from tests.support.data.noise_pictures import noise_set

SPEC = SegmenterTraining(schedule=Schedule(steps=2, lr=1e-3), batch=2, width=1 / 16, size=64, small_size=32)


def test_the_loss_is_near_zero_for_the_truth_and_weighs_pictures():
    truth = torch.zeros(2, 1, 8, 8)
    truth[:, :, 2:6, 2:6] = 1
    right = (truth * 2 - 1) * 20
    assert side_loss(right, truth, torch.ones(2)) < 1e-3
    mixed = torch.cat((right[:1], -right[1:]))
    assert side_loss(mixed, truth, torch.tensor([1.0, 1e-6])) < 1e-3 < side_loss(mixed, truth, torch.ones(2))


def test_a_batch_is_replayed_by_its_step_and_pictures_keep_their_masks():
    task = SegmenterTask(SPEC, noise_set(), noise_set(seed=1))
    one, again = (task.loss(1, 0)[0] for _ in range(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, task.loss(1, 1)[0])
    x, truth, weights = task.batch(np.random.default_rng(0), 64)
    assert x.shape == (2, 3, 64, 64)
    assert -0.5 <= x.min() <= x.max() <= 0.5
    assert truth.shape == (2, 1, 64, 64)
    assert 0.1 < truth.mean() < 0.7
    assert len(weights) == 2


def test_what_is_saved_is_what_the_backend_runs(tmp_path):
    task = SegmenterTask(SPEC, noise_set(), noise_set(seed=1))
    task.net.side1.bias.data.fill_(2)
    task.settle()
    save(SPEC, task.net, tmp_path / "segmenter")
    segmenter = IsNetSegmenter(str(tmp_path / "segmenter"))
    assert (segmenter.models[0].name, segmenter.models[0].license, segmenter.input_size) == (
        "micro-segmenter",
        "Apache-2.0",
        64,
    )
    image = np.array(noise_set().images[0])
    assert segmenter(image).alpha.shape == (256, 256)


def test_iou():
    full, half = np.full((4, 4), 255, np.uint8), np.zeros((4, 4), np.uint8)
    half[:2] = 128
    assert (iou(full, full), iou(full, half), iou(half * 0, half * 0)) == (1.0, 0.5, 1.0)
