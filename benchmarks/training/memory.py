"""Memory of a training step at full size, by torch's own accounting: shapes are computed, nothing is allocated."""

from __future__ import annotations

import json
import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import pixel_unshuffle
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from actors.models.dummy.build import BUILDERS
from actors.models.dummy.published import PUBLISHED
from actors.personalize.bases.base_model import Base
from actors.personalize.bases.flux2_klein import Flux2Klein, places
from actors.personalize.bases.stable_diffusion import StableDiffusion
from actors.personalize.custom_diffusion import Method
from actors.personalize.trainables import choose_weights

GIB = 1024**3
SIDE, RANK = 1024, 16


@dataclass(frozen=True, slots=True)
class Case:
    """A base whose step is measured: its sizes by the name in `PUBLISHED`, its networks, the denoiser first."""

    published: str
    family: type[Base]
    method: Method
    parts: tuple[str, ...]
    step: Callable[[Any], Tensor]
    changes: dict[str, Any] = field(default_factory=dict)


class PeakBytes(TorchDispatchMode):
    """Counts the storages of all tensors that live, and the most of them at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()

    def add(self, tensor: Tensor) -> None:
        """Count a tensor's storage until it is freed."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()  # noqa: SLF001 - a storage's identity
        if key not in self._known:
            self._known.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, Tensor):
                self.add(each)
        return made


def measure(case: Case, *, checkpointing: bool) -> dict[str, float]:
    """GiB of the weights and at the peak of two steps: LoRAs of rank 16, batch 1, bfloat16, AdamW."""
    known = PUBLISHED[case.published]
    sizes = {part: {**values, **case.changes.get(part, {})} for part, values in known.sizes.items()}
    with torch.device("meta"):
        (pipe,) = BUILDERS[known.kind](sizes)
    nets = [getattr(pipe, part) for part in case.parts]
    for net in (*nets, pipe.vae):
        net.requires_grad_(requires_grad=False).eval()
    for net in nets:
        net.to(torch.bfloat16)
    choose_weights(nets[0], case.family, case.method, RANK)
    if checkpointing:
        nets[0].enable_gradient_checkpointing()
    with FakeTensorMode(allow_non_fake_inputs=True):
        _make_fake([*nets, pipe.vae])
        counted = PeakBytes()
        for net in (*nets, pipe.vae):
            for value in [*net.parameters(), *net.buffers()]:
                counted.add(value)
        weights = counted.now
        trained = [weight for weight in nets[0].parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(trained, foreach=False)
        with counted:
            for _ in range(2):
                with torch.autocast("cpu", torch.bfloat16):
                    loss = case.step(pipe).float().square().mean()
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
    return {
        "weights": weights / GIB,
        "peak": counted.peak / GIB,
        "trained": sum(each.numel() for each in trained) / 1e6,
    }


def _make_fake(nets: Sequence[nn.Module]) -> None:
    for module in (module for net in nets for module in net.modules()):
        for held in (module._parameters, module._buffers):  # noqa: SLF001 - a module has no other way to swap them
            for name, value in held.items():
                if value is not None:
                    made = torch.empty(value.shape, dtype=value.dtype)
                    held[name] = nn.Parameter(made, value.requires_grad) if isinstance(value, nn.Parameter) else made


def _latents(pipe: Any) -> Tensor:
    with torch.no_grad():
        latents: Tensor = pipe.vae.encode(torch.zeros(1, 3, SIDE, SIDE)).latent_dist.mean
    return latents


def _sdxl(pipe: Any) -> Tensor:
    latents, ids = _latents(pipe), torch.ones(1, 77, dtype=torch.long)
    first, second = (net(ids, output_hidden_states=True) for net in (pipe.text_encoder, pipe.text_encoder_2))
    states = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1)
    added = {"text_embeds": second.text_embeds, "time_ids": torch.zeros(1, 6)}
    said: Tensor = pipe.unet(latents, torch.tensor([5]), encoder_hidden_states=states, added_cond_kwargs=added).sample
    return said


def _klein(pipe: Any) -> Tensor:
    """As `Flux2Klein.errors`, with words that no step changes."""
    squares = pixel_unshuffle(_latents(pipe), 2)
    with torch.no_grad():
        ids = torch.ones(1, 512, dtype=torch.long)
        read = pipe.text_encoder.model(ids, output_hidden_states=True, use_cache=False).hidden_states
    said: Tensor = pipe.transformer(
        hidden_states=squares.flatten(2).transpose(1, 2),
        timestep=torch.tensor([0.5]),
        encoder_hidden_states=torch.cat([read[layer] for layer in (9, 18, 27)], -1),
        img_ids=places(1, *squares.shape[2:], 1),
        txt_ids=places(1, 1, 1, 512),
        return_dict=False,
    )[0]
    return said


CASES = {
    "sdxl": Case(
        "diffusers/stable-diffusion-xl-1.0-inpainting-0.1", StableDiffusion, "kv-lora",
        ("unet", "text_encoder", "text_encoder_2"), _sdxl, {"unet": {"in_channels": 4}},
    ),
    "klein": Case(
        "black-forest-labs/FLUX.2-klein-base-4B", Flux2Klein, "attn-lora", ("transformer", "text_encoder"), _klein
    ),
}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure(CASES[sys.argv[1]], checkpointing=sys.argv[2] == "checkpointing")))
