"""The image tower of the detector begins as the identity scorer's."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from actors.micro.detector.net import new_net, prepare_images
from actors.micro.detector.words import train_tokenizer
from actors.micro.specs import DetectorTraining
from engine.toybox import CLASSES
from tests.support.models.tiny_models import tiny_tower


@pytest.fixture(scope="module")
def towers():
    tower = tiny_tower(64, 3)
    with torch.no_grad():
        for layer in tower.encoder.layer:
            layer.layer_scale1.lambda1.fill_(0.5)
            layer.layer_scale2.lambda1.uniform_(0.5, 1.5)
        torch.nn.init.normal_(tower.embeddings.position_embeddings, std=0.5)
        torch.nn.init.normal_(tower.embeddings.patch_embeddings.projection.bias)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 256, 256, 3), dtype=np.uint8)
    spec = DetectorTraining(text_width=16, text_layers=1, side=56, vocabulary=560)
    net = new_net(spec, train_tokenizer(CLASSES, 560, 16), tower, pictures)
    return tower, net.eval()


def test_adopted_patches_look_as_they_did(towers):
    tower, net = towers
    pixels = prepare_images(
        np.random.default_rng(1).integers(0, 256, (4, 56, 56, 3), dtype=np.uint8), torch.device("cpu")
    )
    with torch.no_grad():
        tokens = tower.embeddings(pixels)
        vision = net.owlvit.vision_model
        scaled = (
            functional.layer_norm(tokens, tokens.shape[-1:]) * vision.pre_layernorm.weight + vision.pre_layernorm.bias
        )
        own = vision(pixels).last_hidden_state
        other = tower.encoder(scaled).last_hidden_state
    assert torch.allclose(own, other, atol=1e-4)
    assert functional.cosine_similarity(tokens, scaled, dim=-1).mean() > 0.9


def test_the_merged_features_begin_as_the_sum_of_patch_and_picture(towers):
    _, net = towers
    pixels = prepare_images(
        np.random.default_rng(1).integers(0, 256, (2, 56, 56, 3), dtype=np.uint8), torch.device("cpu")
    )
    with torch.no_grad():
        features, outputs = net.image_embedder(pixels)
        normal = functional.layer_norm(outputs.last_hidden_state, (64,))
        summed = functional.layer_norm(normal[:, 1:] + normal[:, :1], (64,))
    assert functional.cosine_similarity(features.flatten(1, 2), summed, dim=-1).mean() > 0.97
