import json

import numpy as np
import pytest
import torch

from actors.backends.score.owlvit import OwlVit
from actors.micro.detector.detector import new_net, save
from actors.micro.detector.words import train_tokenizer
from actors.micro.specs import DetectorTraining
from engine.errors import EnvironmentProblem, UsageError
from tests.support.models.tiny_models import save_owlv2, tiny_tower

torch.set_num_threads(1)
TINY = DetectorTraining(text_width=16, text_layers=1, side=70, vocabulary=560)
NAMES = ["mug", "star", "robot"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny OWL-ViT of random weights as its training saves it."""
    tokenizer = train_tokenizer([f"a photo of a {name}" for name in NAMES], TINY.vocabulary, 16)
    torch.manual_seed(0)
    net = new_net(TINY, tokenizer, tiny_tower(), np.stack(images(2)))
    torch.nn.init.normal_(net.box_head.dense2.weight, std=0.1)
    torch.nn.init.normal_(net.class_head.logit_shift.weight, std=0.5)
    target = tmp_path_factory.mktemp("models") / "detector"
    save(net, tokenizer, TINY, target, threshold=0.25)
    return target


@pytest.fixture(scope="module")
def detector(folder):
    return OwlVit(str(folder))


def images(count, size=(64, 64)):
    noise = np.random.default_rng(0).integers(0, 256, (count, *size, 3), dtype=np.uint8)
    noise.flags.writeable = False
    return list(noise)


def copied(folder, target, **changes):
    """The folder with some of its JSON files changed; None removes one."""
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    for name, change in changes.items():
        path = target / f"{name}.json"
        if change is None:
            path.unlink()
        else:
            path.write_text(json.dumps((json.loads(path.read_text()) if path.is_file() else {}) | change))
    return target


def test_the_folder_is_that_of_production(folder, detector):
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "detector.json", "README.md", "tokenizer_config.json"} <= names
    assert (detector.model.name, detector.model.license, detector.threshold) == ("detector", "apache-2.0", 0.25)
    assert OwlVit(str(folder), threshold=0.4).threshold == 0.4


def test_boxes_lie_in_the_picture_and_come_the_surest_first(detector):
    for found in detector.detect(images(2, (48, 80)), [NAMES, NAMES[:1]]):
        assert found.boxes.dtype == found.scores.dtype == np.float32
        assert len(found.boxes) == len(found.scores) == len(found.labels) > 0
        assert (found.boxes >= 0).all()
        assert (found.boxes <= 1).all()
        assert (found.boxes[:, :2] <= found.boxes[:, 2:]).all()
        assert (np.diff(found.scores) <= 0).all()


def test_labels_are_places_in_the_pictures_own_list(detector):
    picture = images(1)[0]
    one, other, none = detector.detect([picture] * 3, [NAMES, NAMES[::-1], []])
    assert set(one.labels.tolist()) <= {0, 1, 2}
    assert np.array_equal(one.labels, 2 - other.labels)
    assert none.boxes.shape == (0, 4)


def test_a_picture_is_judged_alone(detector):
    many = images(19)
    together = detector.detect(many, [NAMES] * 19)
    (alone,) = detector.detect(many[-1:], [NAMES])
    assert np.allclose(together[-1].scores, alone.scores, atol=1e-5)
    assert np.allclose(together[-1].boxes, alone.boxes, atol=1e-5)
    assert detector.detect([], []) == []


def test_answers_agree_with_transformers_itself(detector, folder):
    from transformers import OwlViTForObjectDetection, OwlViTProcessor

    net = OwlViTForObjectDetection.from_pretrained(folder, dtype=torch.float32)
    processor = OwlViTProcessor.from_pretrained(folder)
    picture = images(1)[0]
    inputs = processor(text=[[f"a photo of a {name}" for name in NAMES]], images=torch.tensor(picture).permute(2, 0, 1))
    with torch.inference_mode():
        outputs = net(**inputs)
    (theirs,) = processor.post_process_grounded_object_detection(outputs, threshold=0.0)
    (ours,) = detector.detect([picture], [NAMES])
    best = theirs["scores"].argmax()
    assert ours.scores[0] == pytest.approx(theirs["scores"][best].item(), abs=1e-5)
    assert ours.labels[0] == theirs["labels"][best]
    assert np.allclose(ours.boxes[0], theirs["boxes"][best].clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (48, 96), (90, 40)])
def test_owlv2_pads_and_its_boxes_are_shares_of_the_pictures_own_sides(tmp_path, size):
    from transformers import Owlv2ForObjectDetection, Owlv2Processor

    folder = save_owlv2(tmp_path / "owlv2")
    picture = images(1, size)[0]
    net, processor = Owlv2ForObjectDetection.from_pretrained(folder), Owlv2Processor.from_pretrained(folder)
    texts = [f"a photo of a {name}" for name in NAMES]
    words = processor.tokenizer(texts, padding="max_length", truncation=True, max_length=16, return_tensors="pt")
    pixels = processor.image_processor(images=torch.tensor(picture).permute(2, 0, 1), return_tensors="pt")
    with torch.inference_mode():
        outputs = net(**words, **pixels)
    (theirs,) = processor.post_process_grounded_object_detection(outputs, threshold=0.0, target_sizes=[size])
    (ours,) = OwlVit(str(folder), threshold=0.0).detect([picture], [NAMES])
    best = theirs["scores"].argmax()
    height, width = size
    assert ours.scores[0] == pytest.approx(theirs["scores"][best].item(), abs=1e-5)
    box = theirs["boxes"][best].numpy() / [width, height, width, height]
    assert np.allclose(ours.boxes[0], np.clip(box, 0, 1), atol=1e-5)


def test_the_older_layout_of_published_folders_loads_too(folder, detector, tmp_path):
    """As google/owlvit-base-patch32 has it: preprocessor_config.json, vocab.json, merges.txt, no threshold."""
    older = copied(folder, tmp_path / "older", detector=None)
    processor = json.loads((older / "processor_config.json").read_text())["image_processor"]
    (older / "preprocessor_config.json").write_text(
        json.dumps(processor | {"feature_extractor_type": "OwlViTFeatureExtractor"})
    )
    words = json.loads((older / "tokenizer.json").read_text())["model"]
    (older / "vocab.json").write_text(json.dumps(words["vocab"]))
    (older / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in words["merges"]))
    for name in ("processor_config.json", "tokenizer.json", "tokenizer_config.json"):
        (older / name).unlink()
    loaded = OwlVit(str(older))
    assert loaded.threshold == 0.1
    (ours,), (theirs,) = loaded.detect(images(1), [NAMES]), detector.detect(images(1), [NAMES])
    assert np.allclose(ours.scores, theirs.scores, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"config": None}, EnvironmentProblem, "DETECTOR_CONFIG"),
        ({"config": {"model_type": "owlv2"}}, UsageError, "WEIGHTS_MISMATCH"),
        ({"detector": {"threshold": "high"}}, EnvironmentProblem, "DETECTOR_CONFIG"),
        ({"detector": {"threshold": 7}}, EnvironmentProblem, "DETECTOR_CONFIG"),
        ({"processor_config": None}, EnvironmentProblem, "WEIGHTS_MISSING"),
    ],
)
def test_a_folder_that_is_not_an_owlvit_is_named(folder, tmp_path, changes, kind, code):
    with pytest.raises(kind, match=code):
        OwlVit(str(copied(folder, tmp_path / "broken", **changes)))


def test_missing_tensors_are_not_made_up(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = copied(folder, tmp_path / "broken")
    tensors = load_file(broken / "model.safetensors")
    del tensors["box_head.dense1.weight"]
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        OwlVit(str(broken))


def test_a_hub_model_without_a_pinned_revision_is_refused():
    with pytest.raises(UsageError, match="WEIGHTS_UNPINNED"):
        OwlVit("google/owlvit-base-patch32", "main")
