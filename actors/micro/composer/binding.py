"""Which words are read where in a picture: cross-attention recorded, and held against the toys' masks.

Supervision of cross-attention by masks: Wang et al., "TokenCompose", CVPR 2024; Gu et al., "Mix-of-Show", NeurIPS
2023, section 3.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast, final

import torch
from torch import Tensor
from torch.nn import functional

SPECK = 1e-4  # least share of attention, so that its logarithm is finite
INSIDE = 0.5  # share of a cell from which it counts as a toy's


def binding_loss(record: Sequence[Tensor], masks: Tensor, owners: Tensor) -> tuple[Tensor, float]:
    """How far the attention to the toys' words is from the toys' places, as a cross entropy over cells.

    In every cell a share of the attention, mean over heads, goes to the words of each toy, and the rest elsewhere; the
    truth is what the toys cover of the cell. It is a proper score, unlike the attention inside of the masks: where
    noise hides the places, the best answer is how likely each is.

    Args:
        record: of every layer, BxHxPxT probabilities over T tokens in P cells.
        masks: BxKxSxS, shares of the cells of the latents, 0..1.
        owners: BxKxT, 1 where a token speaks of a toy. Pictures without any are left out.

    Returns:
        The mean over layers, and the share of the cells inside of toys whose own words got most of the toys' attention,
        among pictures of several toys; 0 where there are none.
    """
    told = owners.sum(2) > 0
    heard = told.any(1)
    losses, right, total = [], 0.0, 0.0
    for probabilities in record:
        side = round(probabilities.shape[2] ** 0.5)
        found = torch.einsum("bpt,bkt->bkp", probabilities.float().mean(1), owners)
        truth = functional.adaptive_avg_pool2d(masks, side).flatten(2) * told[..., None]
        nothing = (1 - truth.sum(1)).clamp(min=0)
        each = -(truth * found.clamp(min=SPECK).log()).sum(1) - nothing * (1 - found.sum(1)).clamp(min=SPECK).log()
        losses.append((each.mean(1) * heard).sum() / heard.sum().clamp(min=1))
        inside = (truth.amax(1) > INSIDE) & (told.sum(1) > 1)[:, None]
        right += ((found.argmax(1) == truth.argmax(1)) & inside).sum().item()
        total += inside.sum().item()
    return torch.stack(losses).mean(), right / max(total, 1.0)


@final
class WordAttention:
    """Puts a plain attention into the layers of a UNet that read words, and keeps what they pay attention to."""

    def __init__(self, unet: Any) -> None:
        """From the middle of the net on; the layers before it have not looked at the whole picture yet."""
        self._kept: list[Tensor] | None = None
        for name, module in unet.named_modules():
            if name.endswith("attn2") and not name.startswith("down_blocks"):
                module.set_processor(_PlainAttention(self))

    @contextmanager
    def record(self) -> Iterator[list[Tensor]]:
        """Within it, probabilities BxHxPxT of every layer are appended to the list."""
        self._kept = []
        try:
            yield self._kept
        finally:
            self._kept = None

    def keep(self, probabilities: Tensor) -> None:
        """Called by the layers."""
        if self._kept is not None:
            self._kept.append(probabilities)


@final
class _PlainAttention:
    """Cross-attention as a plain product, a processor of diffusers."""

    def __init__(self, owner: WordAttention) -> None:
        self._owner = owner

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, *_: Any, **__: Any
    ) -> Tensor:
        words = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            _by_head(layer(states), attn.heads)
            for layer, states in ((attn.to_q, hidden_states), (attn.to_k, words), (attn.to_v, words))
        )
        probabilities = ((query * attn.scale) @ key.transpose(-1, -2)).float().softmax(-1)
        self._owner.keep(probabilities)
        seen = (probabilities.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        return cast("Tensor", attn.to_out[1](attn.to_out[0](seen)))


def _by_head(states: Tensor, heads: int) -> Tensor:
    count, length, width = states.shape
    return states.view(count, length, heads, width // heads).transpose(1, 2)
