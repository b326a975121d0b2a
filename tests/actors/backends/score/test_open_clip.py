import json

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from actors.backends.score.open_clip import BATCH, OpenClip, find_source
from actors.score.scorers import ClipSpec
from engine.errors import EnvironmentProblem, UsageError
from tests.support.models.tiny_models import save_open_clip


def spec(model, pretrained=""):
    return ClipSpec(model=str(model), pretrained=pretrained)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_open_clip(tmp_path_factory.mktemp("models") / "clip")


@pytest.fixture(scope="module")
def clip(folder):
    return OpenClip(spec(folder))


def images(count, size=(40, 56)):
    noise = np.random.default_rng(0).integers(0, 256, (count, *size, 3), dtype=np.uint8)
    noise.flags.writeable = False
    return list(noise)


def test_embeddings_are_unit_vectors_of_the_model_s_width(clip):
    for vectors in (clip.embed_images(images(3)), clip.embed_texts(["a dog", "a teapot on a table"])):
        assert vectors.dtype == np.float32
        assert vectors.shape[1] == 16
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_nothing_in_gives_nothing_out(clip):
    assert clip.embed_images([]).shape == clip.embed_texts([]).shape == (0, 16)


def test_embeddings_agree_with_open_clip_itself(clip, folder):
    net, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    pixels = images(1)[0]
    with torch.inference_mode():
        image = net.eval().encode_image(preprocess(Image.fromarray(pixels))[None])[0].numpy()
        text = net.encode_text(open_clip.tokenize(["a dog"]))[0].numpy()
    assert np.allclose(clip.embed_images([pixels])[0], image / np.linalg.norm(image), atol=1e-6)
    assert np.allclose(clip.embed_texts(["a dog"])[0], text / np.linalg.norm(text), atol=1e-6)


def test_images_are_prepared_as_the_model_s_own_config_says(clip):
    prepared = clip._preprocess(Image.fromarray(np.full((50, 70, 3), 255, np.uint8)))
    assert prepared.shape == (3, 32, 32)
    assert torch.allclose(prepared[:, 0, 0], torch.tensor([0.6 / 0.2, 0.5 / 0.25, 0.4 / 0.3]), atol=1e-5)


def test_an_embedding_does_not_depend_on_its_company(clip):
    many = images(BATCH + 3)
    together = clip.embed_images(many)
    assert np.allclose(together[-1], clip.embed_images(many[-1:])[0], atol=1e-5)
    texts = [f"a dog number {index}" for index in range(BATCH + 3)]
    assert np.allclose(clip.embed_texts(texts)[0], clip.embed_texts(texts[:1])[0], atol=1e-5)


def test_no_call_of_the_net_is_larger_than_a_batch(clip):
    sizes = []
    hook = clip._net.visual.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    clip.embed_images(images(2 * BATCH + 1))
    hook.remove()
    assert sizes == [BATCH, BATCH, 1]


def test_a_local_folder_may_be_named_with_or_without_its_prefix(clip, folder):
    prefixed = OpenClip(spec(f"local-dir:{folder}"))
    assert prefixed.model == clip.model
    assert clip.model.name == "clip"
    assert clip.model.license == "mit"


def test_openai_weights_run_with_the_activation_that_they_were_trained_with():
    for model in ("ViT-B-32", "ViT-B-32-quickgelu"):
        source = find_source(model, "openai")
        assert source.place == "timm/vit_base_patch32_clip_224.openai"
        assert source.quick_gelu
    assert not find_source("ViT-B-32", "laion2b_s34b_b79k").quick_gelu
    assert find_source("ViT-B-32", "laion2b_s34b_b79k").place == "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"


def test_the_activation_reaches_the_net(tmp_path):
    wrong = OpenClip(spec(save_open_clip(tmp_path / "plain")))
    right = OpenClip(spec(save_open_clip(tmp_path / "quick", quick_gelu=True)))
    assert not np.allclose(wrong.embed_images(images(1)), right.embed_images(images(1)), atol=1e-5)


def test_unknown_models_and_tags_list_what_there_is():
    with pytest.raises(UsageError, match="CLIP_UNKNOWN") as error:
        find_source("ViT-B-32", "openia")
    assert "openai, " in error.value.fix
    with pytest.raises(UsageError, match="list_models"):
        find_source("ViT-Q-1", "")


def test_a_hub_model_without_a_pinned_revision_is_refused():
    for named in (spec("ViT-B-32", "openai"), spec("hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K")):
        with pytest.raises(UsageError, match="WEIGHTS_UNPINNED"):
            OpenClip(named)


def test_a_folder_of_pickled_weights_is_refused(folder, tmp_path):
    (tmp_path / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    torch.save({}, tmp_path / "open_clip_pytorch_model.bin")
    with pytest.raises(UsageError, match="WEIGHTS_PICKLE_ONLY"):
        OpenClip(spec(tmp_path))


def test_a_pickle_that_open_clip_would_prefer_is_not_reached(folder, tmp_path):
    (tmp_path / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    (tmp_path / "weights.safetensors").write_bytes((folder / "open_clip_model.safetensors").read_bytes())
    torch.save({}, tmp_path / "open_clip_pytorch_model.bin")
    with pytest.raises(EnvironmentProblem, match=r"holds no open_clip_model\.safetensors"):
        OpenClip(spec(tmp_path))


@pytest.mark.parametrize("config", [None, "[]", "{", '{"model_cfg": {"embed_dim": 16}}'])
def test_a_folder_without_a_usable_config_is_named(folder, tmp_path, config):
    (tmp_path / "open_clip_model.safetensors").write_bytes((folder / "open_clip_model.safetensors").read_bytes())
    if config is not None:
        (tmp_path / "open_clip_config.json").write_text(config)
    with pytest.raises(EnvironmentProblem, match="CLIP_CONFIG"):
        OpenClip(spec(tmp_path))


def test_a_text_tower_from_a_second_repository_is_refused(folder, tmp_path):
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["hf_model_name"] = "roberta-base"
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    (tmp_path / "open_clip_model.safetensors").write_bytes((folder / "open_clip_model.safetensors").read_bytes())
    with pytest.raises(UsageError, match="CLIP_TEXT_TOWER"):
        OpenClip(spec(tmp_path))
