"""A base of the Stable Diffusion families, as a training needs it: SD 1.x and 2.x, SDXL, and the micro generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from actors.models.quiet import quiet
from actors.models.weights import forbid_code, local_weights
from engine.rows.values import Pixels


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a UNet reads of prompts: states (N, L, D), and for SDXL the pooled text (N, P) and sizes (N, 6)."""

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


@final
class StableDiffusion:
    """A pipeline's networks, frozen, in float32; with `half`, but for the autoencoder, in bfloat16.

    Args:
        model: a folder, ``shipped:micro/generator``, or a hub id.
        revision: the commit of a hub id.
        device: where the networks are.
        half: whether UNet and text encoders are kept in bfloat16.

    Raises:
        UsageError, EnvironmentProblem: those of `actors.models.weights.local_weights`.
    """

    def __init__(self, model: str, revision: str, device: torch.device, *, half: bool = False) -> None:
        pipe = read_pipeline(local_weights(model, revision), torch.float32)
        from diffusers import DDPMScheduler

        self.device, self.pipe = device, pipe
        self.unet: Any = pipe.unet
        self.vae: Any = pipe.vae
        self.tokenizers: list[Any] = [pipe.tokenizer]
        self.encoders: list[Any] = [pipe.text_encoder]
        if self.is_xl:
            self.tokenizers.append(pipe.tokenizer_2)
            self.encoders.append(pipe.text_encoder_2)
        self.scheduler: Any = DDPMScheduler.from_config(pipe.scheduler.config)
        for net in self.networks():
            net.to(device).eval().requires_grad_(requires_grad=False)
        for net in (self.unet, *self.encoders) if half else ():
            net.to(torch.bfloat16)

    @property
    def is_xl(self) -> bool:
        """Whether there are two text encoders, whose states stand side by side."""
        return getattr(self.pipe, "text_encoder_2", None) is not None

    def spare_memory(self) -> None:
        """Keep less of the UNet's forward pass, and compute it again in the backward pass (Chen et al. 2016)."""
        self.unet.enable_gradient_checkpointing()

    def networks(self) -> list[nn.Module]:
        """All of them: the UNet, the autoencoder, the text encoders."""
        return [self.unet, self.vae, *self.encoders]

    def encode(self, prompts: Sequence[str], side: int) -> Conditions:
        """What the UNet reads of prompts, with gradients into embeddings that are trained.

        As the pipelines' `encode_prompt`: SD takes the last states, normalised; SDXL those before the last of both
        encoders, and the pooled text of the second. Sizes are those of a whole picture of `side` px.
        """
        read = [self._read(number, prompts) for number in range(len(self.encoders))]
        if not self.is_xl:
            return Conditions(read[0].last_hidden_state)
        sizes = torch.tensor([side, side, 0, 0, side, side], dtype=torch.float32, device=self.device)
        states = torch.cat([one.hidden_states[-2] for one in read], -1)
        return Conditions(states, read[1].text_embeds, sizes.expand(len(prompts), -1))

    def _read(self, number: int, prompts: Sequence[str]) -> Any:
        tokenizer = self.tokenizers[number]
        tokens = tokenizer(
            list(prompts),
            padding="max_length",
            max_length=tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        return self.encoders[number](tokens.to(self.device), output_hidden_states=True)

    def moments(self, pictures: Sequence[Pixels]) -> Tensor:
        """Means, then deviations, of the latents of pictures of one size: (N, 2C, side/8, side/8), float32."""
        return moments_of(self.vae, pictures)

    def latents(self, moments: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Scaled latents (N, C, h, w), drawn from the autoencoder's posterior (N, 2C, h, w), each by its generator."""
        means, deviations = moments.to(self.device, torch.float32).chunk(2, 1)
        noise = torch.stack([torch.randn(means.shape[1:], generator=each) for each in generators]).to(self.device)
        scaled: Tensor = (means + deviations * noise) * self.vae.config.scaling_factor
        return scaled

    def errors(self, latents: Tensor, noise: Tensor, times: Tensor, conditions: Conditions) -> Tensor:
        """Squared errors of what the UNet says of noisy latents, in the shape of the latents, float32.

        Args:
            latents: (N, C, h, w).
            noise: of that shape.
            times: (N,), in [0, steps of the base).
            conditions: of N prompts.
        """
        added = {"text_embeds": conditions.pooled, "time_ids": conditions.sizes} if self.is_xl else None
        said = self.unet(
            self.scheduler.add_noise(latents, noise, times),
            times,
            encoder_hidden_states=conditions.states,
            added_cond_kwargs=added,
        ).sample
        wanted = noise
        if self.scheduler.config.prediction_type == "v_prediction":
            wanted = self.scheduler.get_velocity(latents, noise, times)
        squared: Tensor = (said.float() - wanted.float()).square()
        return squared
