"""Memory of a step of SDXL at full size, by torch's own accounting: shapes are computed, nothing is allocated."""

from __future__ import annotations

import json
import sys
import weakref
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from actors.models.dummy.build import BUILDERS
from actors.models.dummy.published import PUBLISHED
from actors.personalize.trainables import choose_weights

GIB = 1024**3
SDXL = "diffusers/stable-diffusion-xl-1.0-inpainting-0.1"
SIDE, TOKENS = 1024, 77


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


def measure(*, checkpointing: bool) -> dict[str, float]:
    """GiB of the weights and at the peak of two steps: kv-lora of rank 16, batch 1, bfloat16, AdamW."""
    published = PUBLISHED[SDXL]
    sizes = {**published.sizes, "unet": {**published.sizes["unet"], "in_channels": 4}}
    with torch.device("meta"):
        (pipe,) = BUILDERS[published.kind](sizes)
    nets = (pipe.unet, pipe.text_encoder, pipe.text_encoder_2, pipe.vae)
    for net in nets:
        net.requires_grad_(requires_grad=False).eval()
    for net in nets[:3]:
        net.to(torch.bfloat16)
    choose_weights(SimpleNamespace(unet=pipe.unet), "kv-lora", 16)  # type: ignore[arg-type]
    if checkpointing:
        pipe.unet.enable_gradient_checkpointing()
    with FakeTensorMode(allow_non_fake_inputs=True):
        _make_fake(nets)
        counted = PeakBytes()
        for net in nets:
            for value in [*net.parameters(), *net.buffers()]:
                counted.add(value)
        weights = counted.now
        trained = [weight for weight in pipe.unet.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(trained, foreach=False)
        with counted:
            for _ in range(2):
                _step(pipe)
                optimizer.step()
                optimizer.zero_grad()
    return {
        "weights": weights / GIB,
        "peak": counted.peak / GIB,
        "trained": sum(each.numel() for each in trained) / 1e6,
    }


def _make_fake(nets: tuple[nn.Module, ...]) -> None:
    for module in (module for net in nets for module in net.modules()):
        for held in (module._parameters, module._buffers):  # noqa: SLF001 - a module has no other way to swap them
            for name, value in held.items():
                if value is not None:
                    made = torch.empty(value.shape, dtype=value.dtype)
                    held[name] = nn.Parameter(made, value.requires_grad) if isinstance(value, nn.Parameter) else made


def _step(pipe: Any) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            latents = pipe.vae.encode(torch.zeros(1, 3, SIDE, SIDE)).latent_dist.mean
        ids = torch.ones(1, TOKENS, dtype=torch.long)
        first, second = (net(ids, output_hidden_states=True) for net in (pipe.text_encoder, pipe.text_encoder_2))
        states = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1)
        added = {"text_embeds": second.text_embeds, "time_ids": torch.zeros(1, 6)}
        said = pipe.unet(latents, torch.tensor([5]), encoder_hidden_states=states, added_cond_kwargs=added).sample
        loss = said.float().square().mean()
    loss.backward()


if __name__ == "__main__":
    print(json.dumps(measure(checkpointing=sys.argv[1] == "checkpointing")))
