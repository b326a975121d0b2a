import numpy as np
import pytest
import torch

from actors.backends.score.dino import Dino
from actors.micro.identity import pairs as identity_pairs
from actors.micro.identity.identity import IdentityTask, contrastive, partly_hidden, save
from actors.micro.identity.pairs import cut_out, same_instance_top1
from actors.micro.specs import IdentityTraining
from engine.rows.values import Model
from engine.toybox.concepts import draw_concept
from engine.training.schedule import Schedule
from tests.support.data.noise_pictures import noise_set

SPEC = IdentityTraining(schedule=Schedule(steps=2, lr=1e-3), toys=6, size=28, layers=1, width=32)


@pytest.fixture(scope="module")
def task():
    return IdentityTask(SPEC, noise_set(36))


def test_half_of_a_batch_is_of_one_class(task):
    toys = task._toys(np.random.default_rng(0))
    assert len(set(toys.tolist())) == 6
    assert np.bincount(task.classes[toys]).max() >= 3
    assert torch.equal(task.loss(1, 0)[0], task.loss(1, 0)[0])


def test_the_contrastive_loss_wants_equal_labels_together():
    vectors = torch.eye(2).repeat_interleave(2, 0)
    together, apart = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    assert contrastive(vectors, together) < 0.01
    assert contrastive(vectors, apart) > 1


def test_a_part_of_a_mask_is_hidden_from_one_side():
    for number in range(8):
        kept = partly_hidden(np.full((30, 30), 255, np.uint8), np.random.default_rng(number))
        assert 0.6 < (kept > 0).mean() < 1


def test_what_is_saved_is_what_the_backend_runs(task, tmp_path):
    save(SPEC, task.net.eval(), tmp_path / "identity")
    model = Dino(str(tmp_path / "identity"))
    assert model.embed_images(list(noise_set(2).images)).shape == (2, 32)
    assert model.model.license == "apache-2.0"


class MeanColor:
    model = Model(name="mean", revision="1", license="none")

    def embed_images(self, images):
        means = np.stack([image.reshape(-1, 3).mean(0) for image in images])
        means -= means.mean(0)
        return means / np.linalg.norm(means, axis=1, keepdims=True)


def test_views_are_of_one_toy_and_the_measure_is_repeatable(monkeypatch):
    toy = draw_concept(1, 5, "mug")
    assert cut_out(toy, 1).tobytes() == cut_out(toy, 1).tobytes() != cut_out(toy, 2).tobytes()
    monkeypatch.setattr(identity_pairs, "GALLERY", 8)
    monkeypatch.setattr(identity_pairs, "ROUNDS", 1)
    found = same_instance_top1(MeanColor(), 1, 0)
    assert found == same_instance_top1(MeanColor(), 1, 0)
    assert found > 1 / 8
