"""The Stable Diffusion families: SD 1.x and 2.x, SDXL, and the micro generator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from actors.personalize.bases.base_model import Base, Conditions


@final
class StableDiffusion(Base):
    """A UNet that reads words by cross-attention, and guesses the noise or the velocity."""

    part: ClassVar[str] = "unet"
    layers: ClassVar[Mapping[str, str]] = {
        "kv": r".*attn2\.to_[kv]",
        "kv-lora": r".*attn2\.to_[kv]",
        "attn-lora": r".*attn[12]\.(to_k|to_v|to_q|to_out\.0)",
    }
    starts_detached: ClassVar[str] = r".*attn2\.to_[kv]"
    embeddings: ClassVar[Sequence[str]] = ("clip_l", "clip_g")

    def __init__(self, model: str, revision: str, device: torch.device, *, half: bool = False) -> None:
        from diffusers import DDPMScheduler

        super().__init__(model, revision, device, half=half)
        self.scheduler: Any = DDPMScheduler.from_config(self.pipe.scheduler.config)

    @property
    def is_xl(self) -> bool:
        """Whether there are two text encoders, whose states stand side by side."""
        return len(self.encoders) > 1

    def encode(self, prompts: Sequence[str], side: int) -> Conditions:
        """See `Base.encode`.

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

    def latents(self, moments: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """See `Base.latents`: scaled."""
        scaled: Tensor = self.sample_posterior(moments, generators) * self.vae.config.scaling_factor
        return scaled

    def times(self, generators: Sequence[torch.Generator]) -> Tensor:
        """See `Base.times`: steps of the base's noise schedule, all equally likely."""
        most = int(self.scheduler.config.num_train_timesteps)
        return torch.cat([torch.randint(most, (1,), generator=each) for each in generators]).to(self.device)

    def errors(self, latents: Tensor, noise: Tensor, times: Tensor, conditions: Conditions) -> Tensor:
        """See `Base.errors`."""
        added = {"text_embeds": conditions.pooled, "time_ids": conditions.sizes} if self.is_xl else None
        said = self.denoiser(
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
