"""The detector's image tower begins as the identity scorer: OWL-ViT too grows out of a tower trained on whole pictures.

Minderer et al., "Simple Open-Vocabulary Object Detection with Vision Transformers", ECCV 2022, section 3.1. From random
weights, the names of 32 classes were still a guess after 24,000 pictures.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

MERGED = 0.1  # scale of the last norm; see `adopt`


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
    table.copy_(_resized(tower.embeddings.position_embeddings[0], len(table)))
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


def _resized(table: Tensor, count: int) -> Tensor:
    """Positions 1+cxc of another number of cells; the first is the class token's."""
    cells, wanted = (round((number - 1) ** 0.5) for number in (len(table), count))
    grid = table[1:].T.reshape(1, -1, cells, cells)
    moved = functional.interpolate(grid, (wanted, wanted), mode="bicubic", align_corners=False)
    return torch.cat([table[:1], moved[0].flatten(1).T])
