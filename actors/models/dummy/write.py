"""A model's folder with random weights: built without memory, filled part by part, written as published."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from torch import nn
from transformers import PreTrainedModel
from transformers.utils import logging as transformers_logging

from actors.models.dummy.build import BUILDERS
from actors.models.dummy.published import Published
from actors.models.provenance import DUMMY

SPREAD = 0.02  # the usual first standard deviation of transformers; wider ones overflow half precision in SDXL
TILE = 1 << 22  # random numbers that are drawn; larger tensors repeat them, which is a hundred times as fast
SHARD = "4GB"


def write_dummy(published: Published, folder: Path, device: str = "cpu") -> Path:
    """Write a model of the published architecture whose weights are random; the folder says that they are.

    Args:
        published: what to build.
        folder: is replaced.
        device: where it is filled.
    """
    with torch.device("meta"):
        parts = BUILDERS[published.kind](published.sizes)
    for number, net in enumerate(nets(parts)):
        nn.Module.to(net, getattr(torch, published.dtype))  # the libraries' own warn about parts kept in float32
        net.to_empty(device=device)
        fill(net, seed=number)
    shutil.rmtree(folder, ignore_errors=True)
    save(parts, folder, variant="fp16" if published.dtype == "float16" else None)
    (folder / DUMMY).write_text("{}\n")
    return folder


def parameters(published: Published) -> int:
    """How many numbers its networks hold; nothing is allocated."""
    with torch.device("meta"):
        parts = BUILDERS[published.kind](published.sizes)
    return sum(weight.numel() for net in nets(parts) for weight in net.parameters())


def nets(parts: Sequence[Any]) -> Iterator[nn.Module]:
    """The networks among the parts of a model, those inside pipelines too."""
    for part in parts:
        for each in [part] if isinstance(part, nn.Module) else getattr(part, "components", {}).values():
            if isinstance(each, nn.Module):
                yield each


@torch.no_grad()
def fill(net: nn.Module, seed: int) -> None:
    """Matrices random, gains one, offsets zero: numbers stay finite through any depth."""
    draw = torch.Generator().manual_seed(seed)
    for name, value in [*net.named_parameters(), *net.named_buffers()]:
        if value.ndim > 1 and value.is_floating_point():
            tile = torch.empty(min(value.numel(), TILE)).normal_(0, SPREAD, generator=draw).to(value)
            value.copy_(tile.repeat(math.ceil(value.numel() / len(tile)))[: value.numel()].view_as(value))
        else:
            value.fill_(1 if name.endswith(("weight", "running_var", "gamma")) else 0)
    if isinstance(net, PreTrainedModel):
        net.tie_weights()


def save(parts: Sequence[Any], folder: Path, variant: str | None = None) -> None:
    """Write the parts as their libraries do."""
    transformers_logging.disable_progress_bar()
    for part in parts:
        if isinstance(part, DiffusionPipeline):
            part.save_pretrained(folder, safe_serialization=True, variant=variant)
        elif isinstance(part, PreTrainedModel):
            part.save_pretrained(folder, max_shard_size=SHARD)
        else:
            part.save_pretrained(folder)
