"""An autoencoder with more latent channels than it was trained with, which tell what the old ones leave out."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from actors.micro.diffusion.autoencoder import standardise
from engine.rows.values import Pixels

FAINT = 0.3  # of the deviation of the old weights: how much of the new channels the decoder hears at the beginning
NOISE = 0.02  # deviation of the new channels at the beginning


@torch.no_grad()
def widen_latents(vae: Any, channels: int, pictures: Pixels) -> Any:
    """The same autoencoder on the CPU with more latent channels, trainable, every channel standardised.

    New channels begin as random views of the encoder's last features, nearly without noise. Begun faint and noisy they
    had no use for the decoder, and after 175 steps still none (0.02 dB).

    Args:
        vae: AutoencoderKL on the CPU.
        channels: more than it has.
        pictures: NxHxWx3 over which channels are brought to mean 0 and standard deviation 1.
    """
    own = vae.config.latent_channels
    config = {name: value for name, value in vae.config.items() if name != "_name_or_path"}  # names a folder
    wide = type(vae).from_config({**config, "latent_channels": channels})
    weights = vae.state_dict()
    for name, target in wide.state_dict().items():
        if weights[name].shape != target.shape:
            weights[name] = _spread_channels(weights[name], target.shape, own, channels)
    new = torch.arange(own, channels)
    scale = vae.encoder.conv_out.weight.std()
    weights["encoder.conv_out.weight"][new] = scale * torch.randn(wide.encoder.conv_out.weight[new].shape)
    for name in ("quant_conv", "post_quant_conv"):
        weights[f"{name}.weight"][new, new] = 1
    weights["quant_conv.bias"][channels + new] = 2 * math.log(NOISE)
    faint = FAINT * vae.decoder.conv_in.weight.std()
    weights["decoder.conv_in.weight"][:, new] = faint * torch.randn(wide.decoder.conv_in.weight[:, new].shape)
    wide.load_state_dict(weights)
    standardise(wide, pictures, torch.device("cpu"))
    wide.quant_conv.bias[channels + new] = 2 * math.log(NOISE)
    return wide.train().requires_grad_(True)


def _spread_channels(weight: Tensor, shape: torch.Size, own: int, channels: int) -> Tensor:
    """Old channels at their places among zeros."""
    out = torch.zeros(shape)
    rows = _new_places(weight.shape[0], shape[0], own, channels)
    if weight.ndim == 1:
        out[rows] = weight
        return out
    columns = _new_places(weight.shape[1], shape[1], own, channels)
    out[rows[:, None], columns[None, :]] = weight
    return out


def _new_places(old: int, new: int, own: int, channels: int) -> Tensor:
    """Where old rows go: 2 x `own` of them are means, then variances."""
    if old == new:
        return torch.arange(old)
    if old == own:
        return torch.arange(own)
    return torch.cat([torch.arange(own), channels + torch.arange(own)])
