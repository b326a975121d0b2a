"""Which attention kernel a training uses: the same sums, other speeds."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


def short_attention(device: torch.device) -> AbstractContextManager[None]:
    """Within it, scaled dot products of short sequences use the kernel that is fastest on `device`.

    On a CPU that is the plain product: with up to 64 tokens the backward pass of the fused kernel takes three times as
    long, which was a third of the diffusion models' steps.
    """
    return sdpa_kernel(SDPBackend.MATH if device.type == "cpu" else SDPBackend.EFFICIENT_ATTENTION)
