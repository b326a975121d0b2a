"""What a training needs of a base model, whatever its family: a file beside this one for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from actors.models.quiet import quiet
from actors.models.weights import forbid_code, pipeline_weights
from engine.rows.values import Pixels


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a denoiser reads of prompts: states (N, L, D), and for SDXL the pooled text (N, P) and sizes (N, 6)."""

    states: Tensor
    pooled: Tensor | None = None
    sizes: Tensor | None = None

    @classmethod
    def join(cls, parts: Sequence[Conditions]) -> Conditions:
        """Those of several lists of prompts, one behind the other."""
        pooled = [part.pooled for part in parts if part.pooled is not None]
        sizes = [part.sizes for part in parts if part.sizes is not None]
        return cls(
            torch.cat([part.states for part in parts]),
            torch.cat(pooled) if pooled else None,
            torch.cat(sizes) if sizes else None,
        )


class Base(ABC):
    """A pipeline's networks, frozen, in float32; with `half`, but for the autoencoder, in bfloat16.

    Args:
        model: a folder, ``shipped:micro/generator``, or a hub id.
        revision: the commit of a hub id.
        device: where the networks are.
        half: whether denoiser and text encoders are kept in bfloat16.

    Raises:
        UsageError, EnvironmentProblem: those of `actors.models.weights.pipeline_weights`.
    """

    part: ClassVar[str]
    """What diffusers calls the denoiser."""
    layers: ClassVar[Mapping[str, str]]
    """The denoiser's layers that are trained, by method, as a regular expression."""
    starts_detached: ClassVar[str] = ""
    """Layers whose output for the first token has no gradient, as a regular expression; empty: none."""
    embeddings: ClassVar[Sequence[str]]
    """What an artifact calls the rows of new tokens, by text encoder."""

    def __init__(self, model: str, revision: str, device: torch.device, *, half: bool = False) -> None:
        self.device, self.pipe = device, read_pipeline(pipeline_weights(model, revision), torch.float32)
        self.vae: Any = self.pipe.vae
        self.tokenizers: list[Any] = [self.pipe.tokenizer]
        self.encoders: list[Any] = [self.pipe.text_encoder]
        if getattr(self.pipe, "text_encoder_2", None) is not None:
            self.tokenizers.append(self.pipe.tokenizer_2)
            self.encoders.append(self.pipe.text_encoder_2)
        for net in self.networks():
            net.to(device).eval().requires_grad_(requires_grad=False)
        for net in (self.denoiser, *self.encoders) if half else ():
            net.to(torch.bfloat16)

    @property
    def denoiser(self) -> Any:
        """The network that is personalised."""
        return getattr(self.pipe, self.part)

    def networks(self) -> list[nn.Module]:
        """All of them: the denoiser, the autoencoder, the text encoders."""
        return [self.denoiser, self.vae, *self.encoders]

    def spare_memory(self) -> None:
        """Keep less of the denoiser's forward pass, and compute it again in the backward pass (Chen et al. 2016)."""
        self.denoiser.enable_gradient_checkpointing()

    def moments(self, pictures: Sequence[Pixels]) -> Tensor:
        """Means, then deviations, of the latents of pictures of one size: (N, 2C, side/8, side/8), float32."""
        return moments_of(self.vae, pictures)

    def sample_posterior(self, moments: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Latents (N, C, h, w), drawn from the autoencoder's posterior (N, 2C, h, w), each by its generator."""
        means, deviations = moments.to(self.device, torch.float32).chunk(2, 1)
        noise = torch.stack([torch.randn(means.shape[1:], generator=each) for each in generators]).to(self.device)
        return means + deviations * noise

    @abstractmethod
    def encode(self, prompts: Sequence[str], side: int) -> Conditions:
        """What the denoiser reads of prompts for pictures of `side` px, with gradients into rows of new tokens."""

    @abstractmethod
    def latents(self, moments: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Latents (N, C, h, w) as the denoiser knows them, drawn from moments (N, 2C, h, w)."""

    @abstractmethod
    def times(self, generators: Sequence[torch.Generator]) -> Tensor:
        """When each of N rows is denoised, (N,), each drawn by its generator."""

    @abstractmethod
    def errors(self, latents: Tensor, noise: Tensor, times: Tensor, conditions: Conditions) -> Tensor:
        """Squared errors of what the denoiser says of noisy latents, in the shape of the latents, float32.

        Args:
            latents: (N, C, h, w).
            noise: of that shape.
            times: (N,), as `times` makes them.
            conditions: of N prompts.
        """


def read_pipeline(folder: Path, dtype: torch.dtype) -> Any:
    """The pipeline in a checked folder, on the CPU."""
    forbid_code()
    quiet()
    from diffusers import DiffusionPipeline

    return DiffusionPipeline.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, trust_remote_code=False, local_files_only=True
    )


@torch.no_grad()
def moments_of(vae: Any, pictures: Sequence[Pixels]) -> Tensor:
    """Means, then deviations, of the latents of pictures of one size: (N, 2C, side/8, side/8), float32."""
    pixels = torch.stack([torch.from_numpy(picture.copy()) for picture in pictures]).permute(0, 3, 1, 2)
    found = vae.encode(pixels.to(vae.device).float() / 127.5 - 1).latent_dist
    return torch.cat([found.mean, found.std], 1).float()
