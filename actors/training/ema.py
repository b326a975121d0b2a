"""The exponential moving average of a network's weights: smoother than the last step, and what is kept in the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor, nn


@final
class Ema:
    """Averages of all parameters of a network, in float32. Buffers are not averaged: the network's own are kept.

    The decay of early steps is lower, min(decay, (1 + n) / (10 + n)) after n updates, so that the random first weights
    are soon forgotten.

    Args:
        net: the network; parameters keep their identity for the life of the average.
        decay: 0 keeps the last weights; 0.999 averages over about a thousand steps.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self._weights = dict(net.named_parameters())
        self.averages: dict[str, Tensor] = {
            name: weight.detach().float().clone() for name, weight in self._weights.items()
        }

    @torch.no_grad()
    def update(self, count: int) -> None:
        """Move the averages towards the weights; `count` updates were made before."""
        decay = min(self.decay, (1 + count) / (10 + count))
        weights = [weight.detach().float() for weight in self._weights.values()]
        torch._foreach_lerp_(list(self.averages.values()), weights, 1.0 - decay)

    @torch.no_grad()
    def load(self, averages: Mapping[str, Tensor]) -> None:
        """Take over stored averages, in place."""
        for name, average in self.averages.items():
            average.copy_(averages[name])

    @torch.no_grad()
    def apply(self) -> None:
        """Give the network the averages as its weights."""
        for name, weight in self._weights.items():
            weight.copy_(self.averages[name])
