"""Gradients averaged over processes while the backward pass still computes earlier layers' ones.

As PyTorch's `DistributedDataParallel` does it (Li et al., VLDB 2020, section 3.2.3): gradients are gathered in buckets,
in the reverse order of the parameters, and a bucket is sent as soon as it is full and all before it are on their way.
`DistributedDataParallel` itself sees only what goes through one `forward`; a task here calls any part of its networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor
from torch import distributed as dist
from torch.utils.hooks import RemovableHandle

BUCKET_BYTES = 25 * 1024**2  # as DistributedDataParallel has it


@final
class GradientAverage:
    """Averages the gradients of `weights` over all processes; with one process it does nothing.

    Args:
        weights: the same on every process, in the same order.
        world_size: processes.
        bucket_bytes: gradients that are sent together.
    """

    def __init__(self, weights: Sequence[Tensor], world_size: int, bucket_bytes: int = BUCKET_BYTES) -> None:
        self._world_size = world_size
        self._buckets = _buckets(weights, bucket_bytes) if world_size > 1 else []
        self._place = {id(weight): number for number, bucket in enumerate(self._buckets) for weight in bucket}
        self._hooks: list[RemovableHandle] = []
        self._missing: list[int] = []
        self._sent: list[tuple[Any, Tensor]] = []

    def begin(self) -> None:
        """The next backward pass is the last of its step: send what it completes."""
        self._sent, self._missing = [], [len(bucket) for bucket in self._buckets]
        self._hooks = [
            weight.register_post_accumulate_grad_hook(self._take)  # type: ignore[no-untyped-call]
            for bucket in self._buckets
            for weight in bucket
        ]

    def finish(self) -> None:
        """Wait for all buckets; every weight has its averaged gradient then, zeros where no process had one."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._send(len(self._buckets))
        for bucket, (work, flat) in zip(self._buckets, self._sent, strict=True):
            work.wait()
            pieces = torch.split(flat.div_(self._world_size), [weight.numel() for weight in bucket])
            for weight, piece in zip(bucket, pieces, strict=True):
                weight.grad = piece.view_as(weight)

    def _take(self, weight: Tensor) -> None:
        self._missing[self._place[id(weight)]] -= 1
        ready = len(self._sent)
        while ready < len(self._buckets) and not self._missing[ready]:
            ready += 1
        self._send(ready)

    def _send(self, upto: int) -> None:
        """Send the buckets before number `upto` that are not on their way; every process sends them in one order."""
        for bucket in self._buckets[len(self._sent) : upto]:
            grads = [torch.zeros_like(each) if each.grad is None else each.grad for each in bucket]
            flat = torch.cat([grad.flatten() for grad in grads])
            self._sent.append((dist.all_reduce(flat, async_op=True), flat))


def _buckets(weights: Sequence[Tensor], limit: int) -> list[list[Tensor]]:
    """Weights from the last one to the first, in groups of one kind of number and at most `limit` bytes, or one."""
    buckets: list[list[Tensor]] = []
    size = limit
    for weight in reversed(weights):
        number = weight.numel() * weight.element_size()
        if size + number > limit or buckets[-1][0].dtype != weight.dtype:
            buckets.append([])
            size = 0
        buckets[-1].append(weight)
        size += number
    return buckets
