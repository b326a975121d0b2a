"""The composer's network: the generator's, for latents with more channels, and with words at full resolution."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from actors.micro.composer.pools import CELLS
from engine.errors import UsageError


def new_net(pipe: Any, channels: int, *, full_attention: bool = True) -> nn.ModuleDict:
    """UNet and text encoders of a pipeline, which all begin with what it has learned.

    Args:
        pipe: the generator's StableDiffusionXLPipeline.
        channels: of the latents, at least as many as it has.
        full_attention: whether words are read at the full resolution of the latents too.

    Returns:
        `unet`, `text_encoder` and `text_encoder_2`; the UNet says that its pictures have 128 px.
    """
    unet = with_channels(pipe.unet, channels)
    unet = with_full_attention(unet) if full_attention else unet
    cast("Any", unet).register_to_config(sample_size=CELLS)
    return nn.ModuleDict({"unet": unet, "text_encoder": pipe.text_encoder, "text_encoder_2": pipe.text_encoder_2})


def with_channels(unet: Any, channels: int) -> Any:
    """The same UNet for latents with more channels, of which it takes no notice at first."""
    wide = _like(unet, in_channels=channels, out_channels=channels)
    weights, targets = unet.state_dict(), wide.state_dict()
    for name in ("conv_in.weight", "conv_out.weight", "conv_out.bias"):
        old, new = weights[name], torch.zeros_like(targets[name])
        new[tuple(slice(size) for size in old.shape)] = old
        weights[name] = new
    wide.load_state_dict(weights)
    return wide.to(next(unet.parameters()).device)


def with_full_attention(unet: Any) -> Any:
    """The same UNet with transformer layers at full resolution, which read words alone and begin as the identity.

    At 128 px the generator reads words at 8x8 and 4x4 cells, where a toy is two or three cells wide. A step takes 22 ms
    a picture then, instead of 16.

    Raises:
        UsageError: WEIGHTS_MISMATCH.
    """
    levels = len(unet.config.block_out_channels)
    if unet.config.down_block_types[0] == "CrossAttnDownBlock2D":
        return unet
    grown = _like(
        unet,
        down_block_types=["CrossAttnDownBlock2D"] * levels,
        up_block_types=["CrossAttnUpBlock2D"] * levels,
        only_cross_attention=[True, *[False] * (levels - 1)],
    )
    missing, unexpected = grown.load_state_dict(unet.state_dict(), strict=False)
    if unexpected or not all(".attentions." in name for name in missing):
        raise UsageError(
            "WEIGHTS_MISMATCH",
            "the tensors are not those of a UNet of the family's generator",
            why=f"too many: {unexpected[:3]}, too few: {missing[:3]}",
            fix="mycanvas micro train --parts generator",
        )
    for block in (grown.down_blocks[0], grown.up_blocks[-1]):
        for layer in block.attentions:
            nn.init.zeros_(layer.proj_out.weight)
            nn.init.zeros_(layer.proj_out.bias)
    return grown.to(next(unet.parameters()).device)


def _like(unet: Any, **changes: Any) -> Any:
    config = {name: value for name, value in unet.config.items() if name != "_name_or_path"}  # names a folder
    return type(unet).from_config({**config, **changes})
