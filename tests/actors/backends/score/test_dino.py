import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BitImageProcessor, Dinov2Config, Dinov2Model, ViTConfig, ViTImageProcessor, ViTModel

from actors.backends.score.dino import BATCH, Dino
from engine.errors import EnvironmentProblem, UsageError


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14, use_mask_token=False
    )
    Dinov2Model(config).half().save_pretrained(tmp_path / "dino")
    BitImageProcessor(size={"height": 28, "width": 28}, do_center_crop=False).save_pretrained(tmp_path / "dino")
    return tmp_path / "dino"


def images(count, size=(40, 30)):
    return list(np.random.default_rng(0).integers(0, 256, (count, *size, 3), dtype=np.uint8))


def test_embeddings_are_unit_vectors_in_float32_that_do_not_depend_on_their_company(folder):
    model = Dino(str(folder))
    many = images(BATCH + 2)
    many[0] = images(1, (9, 50))[0]
    vectors = model.embed_images(many)
    assert vectors.shape == (BATCH + 2, 32)
    assert vectors.dtype == np.float32
    assert next(model.net.parameters()).dtype == torch.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.allclose(model.embed_images(many[-1:])[0], vectors[-1], atol=1e-5)
    assert model.embed_images([]).shape == (0, 32)
    assert model.model.name == "dino"


def test_pictures_are_prepared_as_the_published_model_does_where_its_config_says_so(folder):
    BitImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 28, "width": 28}).save_pretrained(folder)
    pixels = np.zeros((32, 96, 3), np.uint8)
    pixels[:, 40:56] = 255
    edges = pixels.copy()
    edges[:, :8] = 200  # beyond the crop from the middle
    one, other = Dino(str(folder)).embed_images([pixels, edges])
    assert np.allclose(one, other, atol=1e-5)


def test_dino_of_2021_is_read_as_it_was_published(tmp_path):
    torch.manual_seed(0)
    net = ViTModel(ViTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=16))
    net.eval().save_pretrained(tmp_path)
    processor = ViTImageProcessor(size={"height": 32, "width": 32})
    stated = {**processor.to_dict(), "feature_extractor_type": "ViTFeatureExtractor", "size": 32}
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({key: value for key, value in stated.items() if key != "image_processor_type"})
    )
    (pixels,) = images(1, (32, 32))
    (vector,) = Dino(str(tmp_path)).embed_images([pixels])
    with torch.inference_mode():
        token = net(processor(pixels, return_tensors="pt").pixel_values).last_hidden_state[0, 0].numpy()
    assert np.allclose(vector, token / np.linalg.norm(token), atol=1e-5)


def test_a_model_of_another_architecture_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "dinov2_with_registers"}))
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        Dino(str(folder))


@pytest.mark.filterwarnings("ignore")
def test_tensors_that_are_missing_or_of_another_shape_are_named(folder):
    path = folder / "model.safetensors"
    whole = load_file(path)
    name = "encoder.layer.1.mlp.fc1.weight"
    save_file({key: value for key, value in whole.items() if key != name}, path)
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH") as error:
        Dino(str(folder))
    assert name in error.value.why
    save_file({**whole, name: torch.zeros(3, 3)}, path)
    with pytest.raises(UsageError, match="WEIGHTS_MISMATCH"):
        Dino(str(folder))


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_folder_without_its_configs_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(EnvironmentProblem, match="IDENTITY_CONFIG"):
        Dino(str(folder))
