"""The micro detector's network; its image tower begins as the identity scorer.

OWL-ViT too grows out of a tower trained on whole pictures.

Minderer et al., "Simple Open-Vocabulary Object Detection with Vision Transformers", ECCV 2022, section 3.1. From random
weights, the names of 32 classes were still a guess after 24,000 pictures.
"""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from actors.backends.score.owlvit import PROMPT
from actors.micro.identity.identity import MEAN, SPREAD
from engine.rows.values import Pixels
from engine.toybox import CLASSES

PROMPTS = (PROMPT, "{}", "a {}", "a photo of the {}", "a picture of a {}")  # names must be known in any company
LONGEST = 16  # tokens, as in the published nets
PRIOR = 0.02  # what a patch answers before it has learned anything; see Lin et al. 2017, section 3.3
SHARPNESS = 10.0  # of cosines, to begin with
MERGED = 0.1  # scale of the last norm; see `adopt`


class NetSizes(Protocol):
    """What `DetectorTraining` says of the network."""

    @property
    def text_width(self) -> int: ...
    @property
    def text_layers(self) -> int: ...
    @property
    def side(self) -> int: ...


def prepare_images(images: Pixels, device: torch.device) -> Tensor:
    """Bx3xSxS of BxSxSx3, as the tower was trained."""
    mean, spread = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (MEAN, SPREAD))
    return (torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 255 - mean) / spread


def new_net(spec: NetSizes, tokenizer: Any, tower: Any, seen: Pixels) -> Any:
    """An ``OwlViTForObjectDetection`` around the image tower of a ``Dinov2Model``, its heads and words untrained.

    Args:
        spec: sizes.
        tokenizer: of the class names.
        tower: gives width, layers, heads and patches.
        seen: some pictures, Nx256x256x3.
    """
    from transformers import OwlViTConfig, OwlViTForObjectDetection

    like = tower.config
    net = OwlViTForObjectDetection(
        OwlViTConfig(
            vision_config={
                "hidden_size": like.hidden_size, "intermediate_size": like.hidden_size * like.mlp_ratio,
                "num_hidden_layers": like.num_hidden_layers, "num_attention_heads": like.num_attention_heads,
                "patch_size": like.patch_size, "image_size": spec.side,
                "hidden_act": like.hidden_act, "layer_norm_eps": like.layer_norm_eps,
            },
            text_config={
                "hidden_size": spec.text_width, "intermediate_size": 4 * spec.text_width,
                "num_hidden_layers": spec.text_layers, "num_attention_heads": max(spec.text_width // 64, 1),
                "vocab_size": len(tokenizer), "max_position_embeddings": LONGEST, "pad_token_id": 0,
                "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
            },
            projection_dim=spec.text_width,
        )
    )  # fmt: skip
    head, boxes = net.class_head, net.box_head
    with torch.no_grad():
        for layer in (head.dense0, boxes.dense0, boxes.dense1):  # transformers draws them with a deviation of 1
            torch.nn.init.xavier_uniform_(layer.weight)
        for layer in (head.logit_shift, head.logit_scale, boxes.dense2):  # every patch begins with its own place
            torch.nn.init.zeros_(layer.weight)
        # ELU + 1 makes the scale: this bias gives SHARPNESS. The shift then puts a cosine of 0 at the prior.
        head.logit_scale.bias.fill_(SHARPNESS - 1)
        head.logit_shift.bias.fill_(float(np.log(PRIOR / (1 - PRIOR))) / SHARPNESS)
    small = np.stack([cv2.resize(image, (like.image_size,) * 2, interpolation=cv2.INTER_AREA) for image in seen])
    adopt(net, tower, prepare_images(small, torch.device("cpu")))
    _tell_apart(net, tokenizer)
    for unused in (net.owlvit.visual_projection.weight, net.owlvit.logit_scale):  # CLIP's contrastive head
        unused.requires_grad_(False)
    return net


@torch.no_grad()
def _tell_apart(net: Any, tokenizer: Any) -> None:
    """Begin with class names that differ: take what all names under one prompt share out of the text projection.

    An untrained text tower says nearly the same of every name (cosine 0.96), and the softmax over names then stays at
    its saddle: after 250 steps the loss was still ln 32. Without the mean of each prompt the cosine begins at 0.
    """
    prompts = [[prompt.format(name) for name in CLASSES] for prompt in PROMPTS]
    tokens = [
        tokenizer(texts, padding="max_length", truncation=True, max_length=LONGEST, return_tensors="pt")
        for texts in prompts
    ]
    shared = [
        net.owlvit.text_model(input_ids=each["input_ids"], attention_mask=each["attention_mask"]).pooler_output.mean(0)
        for each in tokens
    ]
    directions = torch.linalg.qr(torch.stack(shared).T)[0]
    weight = net.owlvit.text_projection.weight
    weight -= weight @ directions @ directions.T


@torch.no_grad()
def adopt(net: Any, tower: Any, pixels: Tensor) -> None:
    """Give an ``OwlViTForObjectDetection`` the weights of a ``Dinov2Model`` with the same width, layers and patches.

    Layer scales go into the layers before them. CLIP's norm in front of the layers, which DINOv2 has not, begins with
    the mean and deviation that tokens have anyway. OWL-ViT multiplies patches with the class token: a last norm that
    gives 1 + 0.1 x turns the product into a sum, so that the picture as a whole does not change the sign of its parts.

    Args:
        net: changed in place.
        tower: read.
        pixels: Bx3xSxS, prepared as for `tower`; what tokens look like is taken from them.
    """
    vision = net.owlvit.vision_model
    patches = tower.embeddings.patch_embeddings.projection
    vision.embeddings.patch_embedding.weight.copy_(patches.weight)
    vision.embeddings.class_embedding.copy_(tower.embeddings.cls_token[0, 0])
    table = vision.embeddings.position_embedding.weight
    table.copy_(_resize_positions(tower.embeddings.position_embeddings[0], len(table)))
    table[1:] += patches.bias
    tokens = tower.embeddings(pixels)
    vision.pre_layernorm.weight.fill_(tokens.std(-1).mean())
    vision.pre_layernorm.bias.copy_(tokens.mean(-1).mean().expand_as(vision.pre_layernorm.bias))
    for own, other in zip(vision.encoder.layers, tower.encoder.layer, strict=True):
        _adopt_layer(own, other)
    vision.post_layernorm.weight.fill_(MERGED)
    vision.post_layernorm.bias.fill_(1.0)


def _adopt_layer(own: Any, other: Any) -> None:
    for mine, its in (("q_proj", "q_proj"), ("k_proj", "k_proj"), ("v_proj", "v_proj"), ("out_proj", "o_proj")):
        getattr(own.self_attn, mine).load_state_dict(getattr(other.attention, its).state_dict())
    own.layer_norm1.load_state_dict(other.norm1.state_dict())
    own.layer_norm2.load_state_dict(other.norm2.state_dict())
    own.mlp.fc1.load_state_dict(other.mlp.fc1.state_dict())
    own.mlp.fc2.load_state_dict(other.mlp.fc2.state_dict())
    for linear, scale in ((own.self_attn.out_proj, other.layer_scale1), (own.mlp.fc2, other.layer_scale2)):
        linear.weight *= scale.lambda1[:, None]
        linear.bias *= scale.lambda1


def _resize_positions(table: Tensor, count: int) -> Tensor:
    """Positions 1+cxc of another number of cells; the first is the class token's."""
    cells, wanted = (round((number - 1) ** 0.5) for number in (len(table), count))
    grid = table[1:].T.reshape(1, -1, cells, cells)
    moved = functional.interpolate(grid, (wanted, wanted), mode="bicubic", align_corners=False)
    return torch.cat([table[:1], moved[0].flatten(1).T])
