import json

import numpy as np
import pytest
import torch

from actors.backends.score.open_clip import OpenClip
from actors.micro.scorer.metrics import area_under_curve, caption_metrics, class_zero_shot, scene_zero_shot
from actors.micro.scorer.scorer import ScorerTask, caption_loss, save
from actors.micro.scorer.vocabulary import END, START, alphabet, merges, write_tokenizer
from actors.micro.specs import ScorerTraining
from actors.score.scorers import ClipSpec
from engine.rows.values import Model
from engine.toybox import CLASSES, SCENES
from engine.training.schedule import Schedule
from tests.support.data.noise_pictures import noise_set

SPEC = ScorerTraining(
    schedule=Schedule(steps=2, lr=1e-3),
    batch=8,
    size=32,
    layers=(1, 1, 1, 1),
    width=8,
    text_layers=1,
    text_width=64,
)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return ScorerTask(SPEC, noise_set(), noise_set(seed=1), tmp_path_factory.mktemp("tokenizer"))


def test_byte_pairs_join_the_most_frequent_first_and_every_known_word_in_the_end():
    assert merges(["aab aab ab"]) == [("a", "b</w>"), ("a", "ab</w>")]
    assert len(set(alphabet())) == 256


def test_a_known_word_is_one_token_and_any_text_can_be_read(tmp_path):
    from open_clip.tokenizer import HFTokenizer

    size = write_tokenizer(tmp_path, merges(["a mug", "a teapot"]), 16)
    read = HFTokenizer(str(tmp_path), context_length=16)
    vocabulary = json.loads((tmp_path / "vocab.json").read_text())
    assert vocabulary[END] == size - 1
    assert read(["A  Mug"])[0, :4].tolist() == [vocabulary[START], vocabulary["a</w>"], vocabulary["mug</w>"], size - 1]
    assert read(["ü 7 猫"]).shape == (1, 16)
    assert (read(["teapot " * 40])[0] == size - 1).sum() == 1


def test_equal_captions_share_the_truth():
    logits = torch.eye(3) * 50
    assert caption_loss(logits, ["a", "b", "c"]) < 1e-3
    logits[0, 1] = logits[1, 0] = 50
    assert caption_loss(logits, ["a", "a", "c"]) == pytest.approx(np.log(2) * 2 / 3, abs=1e-3)
    assert caption_loss(logits, ["a", "b", "c"]) == caption_loss(logits, ["a", "a", "c"])


def test_a_batch_tells_classes_and_scenes_and_is_replayed(task):
    batch = task.views.batch(np.random.default_rng(0), 8, 0.75)
    assert batch.pixels.shape == (8, 3, 32, 32)
    assert batch.classes.sum(1).tolist() == [1] * 8
    assert len(batch.captions) == len(batch.scenes) == 6
    assert torch.equal(task.loss(1, 0)[0], task.loss(1, 0)[0])


def test_what_is_saved_is_what_the_backend_runs_without_a_network(task, tmp_path):
    save(SPEC, task, tmp_path / "scorer")
    scorer = OpenClip(ClipSpec(model=str(tmp_path / "scorer")))
    image = np.array(noise_set().images[0])
    task.net.eval()
    with torch.inference_mode():
        wanted = task.net.encode_text(task.tokenize(["a mug"]), normalize=True)
    assert scorer.embed_images([image]).shape == (1, SPEC.embedding)
    assert np.allclose(scorer.embed_texts(["a mug"]), wanted.numpy(), atol=2e-3)  # weights were rounded to float16
    assert scorer.model.license == "apache-2.0"


class Oracle:
    """Reads class and scene from the texts and from the noise set's own order."""

    model = Model(name="oracle", revision="1", license="none")

    def __init__(self, toys):
        self.answers = {toys.images[i].tobytes(): i for i in range(len(toys))}
        self.toys = toys

    def embed_images(self, images):
        numbers = [self.answers[image.tobytes()] for image in images]
        return np.stack([self._vector(self.toys.classes[i, 0], self.toys.scenes[i]) for i in numbers])

    def embed_texts(self, texts):
        classes = [next((i for i, name in enumerate(CLASSES[:3]) if name in text), None) for text in texts]
        scenes = [next((i for i, (_, phrase) in enumerate(SCENES[:4]) if phrase in text), None) for text in texts]
        return np.stack([self._vector(*known) for known in zip(classes, scenes, strict=True)])

    def _vector(self, label, scene):
        vector = np.zeros(8, np.float32)
        for place in ([label] if label is not None else []) + ([4 + scene] if scene is not None else []):
            vector[int(place)] = 1
        return vector / max(np.linalg.norm(vector), 1)


def test_an_oracle_gets_every_point():
    toys = noise_set(64)
    oracle = Oracle(toys)
    assert (class_zero_shot(oracle, toys), scene_zero_shot(oracle, toys)) == (1, 1)
    recall, auc = caption_metrics(oracle, toys, 0)
    assert 0 < recall < 1  # captions differ in colours, which the oracle does not see
    assert auc > 0.9
    assert area_under_curve(np.array([1.0, 2.0]), np.array([1.0, 0.0])) == 0.875
