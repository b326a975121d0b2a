"""Statistics of batch norm, taken anew: the loop averages weights, and keeps the statistics of the last ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import BatchNorm2d

BATCHES = 40


@torch.no_grad()
def retake_statistics(net: nn.Module, forward: Callable[[int], object], batches: int = BATCHES) -> None:
    """Give every batch norm of `net` the plain mean of its statistics over some batches; `net` ends in evaluation mode.

    Args:
        net: with its final weights.
        forward: passes batch number n through the net.
        batches: how many.
    """
    norms = [module for module in net.modules() if isinstance(module, BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
    net.train()
    for number in range(batches):
        forward(number)
    net.eval()
