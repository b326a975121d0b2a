"""FLUX.2 klein: a transformer that carries noise to pictures along straight lines, and reads words by a Qwen3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from actors.personalize.bases.base_model import Base, Conditions

_BOTH = r"to_[qkv]|to_out\.0|add_[qkv]_proj|to_add_out"  # of blocks where pictures and words have weights of their own
_SINGLE = r"to_qkv_mlp_proj|to_out"  # of the other four fifths of the blocks


@final
class Flux2Klein(Base):
    """A flow-matching transformer, trained by LoRAs on all of attention.

    Take the base version, as its authors say: the distilled one draws in four steps and forgets them when it is
    trained. What was trained on the base may be loaded into the distilled one.
    """

    part: ClassVar[str] = "transformer"
    layers: ClassVar[Mapping[str, str]] = {
        "attn-lora": rf"transformer_blocks\.\d+\.attn\.({_BOTH})|single_transformer_blocks\.\d+\.attn\.({_SINGLE})"
    }
    embeddings: ClassVar[Sequence[str]] = ("qwen3",)

    def spare_memory(self) -> None:
        """See `Base.spare_memory`; the language model too, which rows of new tokens have their gradients through."""
        super().spare_memory()
        for encoder in self.encoders:
            encoder.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            encoder.train()  # else it takes no notice; it has no dropout

    def encode(self, prompts: Sequence[str], side: int) -> Conditions:
        """See `Base.encode`: states of three layers side by side, of 512 tokens; the padding is read as well."""
        del side
        return Conditions(self.pipe.encode_prompt(list(prompts), device=self.device)[0])

    def latents(self, moments: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """See `Base.latents`: of each place in squares of 2 x 2, standardised by the autoencoder's own statistics."""
        norm = self.vae.bn
        mean, var = (each.float().view(1, -1, 1, 1) for each in (norm.running_mean, norm.running_var))
        squares = pixel_unshuffle(self.sample_posterior(moments, generators), 2)
        return pixel_shuffle((squares - mean) / (var + self.vae.config.batch_norm_eps).sqrt(), 2)

    def times(self, generators: Sequence[torch.Generator]) -> Tensor:
        """See `Base.times`: shares of noise in (0, 1), logit-normal (Esser et al. 2024, section 3.1, m = 0, s = 1)."""
        return torch.cat([torch.randn(1, generator=each) for each in generators]).sigmoid().to(self.device)

    def errors(self, latents: Tensor, noise: Tensor, times: Tensor, conditions: Conditions) -> Tensor:
        """See `Base.errors`: of the velocity, noise less latents."""
        share = times.view(-1, 1, 1, 1)
        squares = pixel_unshuffle((1 - share) * latents + share * noise, 2)
        count, _, height, width = squares.shape
        said = self.denoiser(
            hidden_states=squares.flatten(2).transpose(1, 2).to(self.denoiser.dtype),
            timestep=times.to(self.denoiser.dtype),
            encoder_hidden_states=conditions.states.to(self.denoiser.dtype),
            img_ids=places(count, height, width, 1).to(self.device),
            txt_ids=places(count, 1, 1, conditions.states.shape[1]).to(self.device),
            return_dict=False,
        )[0]
        velocity = pixel_shuffle(said.float().transpose(1, 2).unflatten(2, (height, width)), 2)
        return (velocity - (noise - latents)).square()


def places(count: int, height: int, width: int, length: int) -> Tensor:
    """Time, row, column and place in the text of tokens, (count, height * width * length, 4), int64."""
    axes = torch.arange(1), torch.arange(height), torch.arange(width), torch.arange(length)
    return torch.cartesian_prod(*axes).expand(count, -1, -1)
