"""How networks of the family are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


def half_precision_state(net: nn.Module) -> dict[str, Tensor]:
    """The state of a network as it is stored: matrices and kernels in float16, the rest (statistics, biases) as it is.

    Vectors are a small share of the bytes, and variances below 6e-5 would lose digits in float16.
    """
    return {
        name: (tensor.half() if tensor.ndim >= 2 and tensor.is_floating_point() else tensor)
        .detach()
        .to("cpu", copy=True)
        .contiguous()
        for name, tensor in net.state_dict().items()
    }


def card_text(part: str, sentence: str, net: nn.Module, spec: Mapping[str, Any]) -> str:
    """What a model card says: what the part is, its size, and the hyperparameters of its training."""
    millions = sum(weight.numel() for weight in net.parameters()) / 1e6
    rows = "".join(f"| {name} | {value} |\n" for name, value in _flat(spec).items())
    return (
        f"{sentence}\n\n{millions:.2f} million weights, matrices in float16. Trained from scratch on Toybox pictures, "
        f"which the engine renders itself, by `mycanvas micro train --parts {part}`; figures in `docs/micro.md`. "
        f"It knows toys, not the world.\n\n| hyperparameter | value |\n|---|---|\n{rows}"
    ).rstrip()


def _flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in spec.items():
        flat |= {f"{name}.{inner}": kept for inner, kept in value.items()} if isinstance(value, dict) else {name: value}
    return flat
