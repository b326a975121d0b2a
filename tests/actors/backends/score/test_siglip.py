import json

import numpy as np
import pytest
import torch

from actors.backends.score.siglip import Siglip
from actors.compose.score import Score
from actors.models.preflight import check_models
from actors.score.scorers import ClipSpec
from engine.errors import UsageError
from tests.support.models.tiny_models import save_open_clip, save_siglip

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_siglip(tmp_path_factory.mktemp("models") / "siglip")


@pytest.fixture(scope="module")
def scorer(folder):
    return Siglip(ClipSpec(backend="siglip", model=str(folder)))


def images(count, size=(40, 56)):
    return list(np.random.default_rng(0).integers(0, 256, (count, *size, 3), dtype=np.uint8))


def test_embeddings_are_unit_vectors_of_one_space(scorer):
    pictures, texts = scorer.embed_images(images(3)), scorer.embed_texts(["a mug", "a dog"])
    assert pictures.shape == (3, scorer.width)
    assert texts.shape == (2, scorer.width)
    assert pictures.dtype == texts.dtype == np.float32
    assert np.allclose(np.linalg.norm([*pictures, *texts], axis=1), 1, atol=1e-5)
    assert scorer.embed_images([]).shape == scorer.embed_texts([]).shape == (0, scorer.width)
    assert (scorer.model.name, scorer.model.license) == ("siglip", "apache-2.0")


def test_each_is_embedded_alone_and_case_says_nothing(scorer):
    together = scorer.embed_texts(["a mug", "a much longer phrase about a dog"])
    assert np.allclose(together[:1], scorer.embed_texts(["A Mug"]), atol=1e-6)
    many = images(66)
    assert np.allclose(scorer.embed_images(many)[-1:], scorer.embed_images(many[-1:]), atol=1e-5)
    assert np.isfinite(scorer.embed_texts(["x" * 500, ""])).all()


def test_answers_agree_with_transformers_itself(scorer, folder):
    from transformers import AutoTokenizer, SiglipImageProcessor, SiglipModel

    net = SiglipModel.from_pretrained(folder, dtype=torch.float32).eval()
    prepare, tokenizer = SiglipImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    picture, text = images(1)[0], "a photo of a mug"
    pixels = prepare(torch.tensor(picture).permute(2, 0, 1), return_tensors="pt")
    tokens = tokenizer([text], padding="max_length", max_length=64, return_tensors="pt")
    with torch.inference_mode():
        theirs = net(input_ids=tokens["input_ids"], pixel_values=pixels["pixel_values"])
    cosine = (scorer.embed_images([picture]) @ scorer.embed_texts([text]).T).item()
    logit = cosine * net.logit_scale.exp().item() + net.logit_bias.item()
    assert logit == pytest.approx(theirs.logits_per_image.item(), abs=1e-4)


def test_another_architecture_is_refused_before_and_while_it_is_loaded(folder, tmp_path):
    naflex = tmp_path / "naflex"
    naflex.mkdir()
    for path in folder.iterdir():
        (naflex / path.name).write_bytes(path.read_bytes())
    config = json.loads((naflex / "config.json").read_text())
    (naflex / "config.json").write_text(json.dumps({**config, "model_type": "siglip2"}))
    for wrong in (str(naflex), str(save_open_clip(tmp_path / "clip"))):
        with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
            Siglip(ClipSpec(backend="siglip", model=wrong))
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        check_models([Score(clip=ClipSpec(backend="siglip", model=str(naflex)))], here=True)
    check_models([Score(clip=ClipSpec(backend="siglip", model=str(folder)))], here=True)
