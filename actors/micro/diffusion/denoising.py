"""What generator and painter have in common: the SDXL UNet, its schedule, and the loss of a batch of latents.

Salimans and Ho, "Progressive Distillation", 2022 (v-prediction, appendix D); Lin et al., "Common Diffusion Noise
Schedules and Sample Steps are Flawed", 2024 (zero terminal SNR, trailing steps): with few steps a picture is then
neither grey nor bound to the brightness of its noise. Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from actors.micro.diffusion.text_encoders import NEGATIVE, WIDTH, read_prompts, tokenize
from actors.training.attention import short_attention

if TYPE_CHECKING:
    from diffusers import DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTokenizer

SIZE = 256  # px
CLAIMED = 256, 1024  # px; sizes that are said of pictures: their own by a plain pipeline, 1024 by the engine's backend
TIME_WIDTH = 16
STEPS = 1000
DROPPED = 0.1
KEPT = 0.1  # weight of what is not repainted


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One training picture: what it is (4xSxS), what is seen of it besides (CxSxS, C may be 0), its caption."""

    latents: np.ndarray[Any, np.dtype[np.floating[Any]]]
    seen: np.ndarray[Any, np.dtype[np.floating[Any]]]
    caption: str


def new_unet(widths: Sequence[int], channels: int) -> UNet2DConditionModel:
    """An SDXL UNet: no attention at full resolution, one transformer layer at the others, text and sizes with the time.

    Args:
        widths: channels at sides of 32, 16 and 8; multiples of 16.
        channels: 4, or 9 with mask and masked latents.
    """
    from diffusers import UNet2DConditionModel

    lower = len(widths) - 1
    return cast(
        "UNet2DConditionModel",
        UNet2DConditionModel(
            sample_size=SIZE // 8,
            in_channels=channels,
            out_channels=4,
            block_out_channels=tuple(widths),
            layers_per_block=1,
            down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * lower),
            up_block_types=(*["CrossAttnUpBlock2D"] * lower, "UpBlock2D"),
            cross_attention_dim=2 * WIDTH,
            attention_head_dim=tuple(max(width // 32, 1) if width % 32 == 0 else width // 16 for width in widths),
            transformer_layers_per_block=1,
            use_linear_projection=True,
            norm_num_groups=16,
            addition_embed_type="text_time",
            addition_time_embed_dim=TIME_WIDTH,
            projection_class_embeddings_input_dim=6 * TIME_WIDTH + WIDTH,
        ),
    )


def new_scheduler() -> DDIMScheduler:
    """DDIM over v-prediction with a last step that is noise alone."""
    from diffusers import DDIMScheduler

    return cast(
        "DDIMScheduler",
        DDIMScheduler(
            num_train_timesteps=STEPS,
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.012,
            prediction_type="v_prediction",
            rescale_betas_zero_snr=True,
            timestep_spacing="trailing",
            clip_sample=False,
            set_alpha_to_one=False,
        ),
    )


@final
class Denoising:
    """The loss of batches: a network of `unet`, `text_encoder` and `text_encoder_2` learns v from noisy latents."""

    def __init__(self, net: nn.ModuleDict, tokenizer: CLIPTokenizer, device: torch.device, *, texts: bool) -> None:
        self.net, self.tokenizer, self.device, self.texts = net, tokenizer, device, texts
        scheduler: Any = new_scheduler()
        self.signal = scheduler.alphas_cumprod.clamp(min=0).to(device)

    def loss(self, samples: Sequence[Sample], draw: np.random.Generator) -> Tensor:
        """Mean squared error of v over the batch, whose pictures are of one size.

        Where a mask is seen, what lies outside of it counts a tenth: the engine puts it back from the original.
        """
        count, side = len(samples), 8 * samples[0].latents.shape[-1]
        clean = self._tensor(np.stack([sample.latents for sample in samples]))
        seen = self._tensor(np.stack([sample.seen for sample in samples]))
        noise = self._tensor(draw.standard_normal(clean.shape, np.float32))
        # One step from each of `count` equal stretches: the loss of a small batch then varies less.
        times = (np.arange(count) + draw.random(count)) * STEPS / count
        steps = torch.from_numpy(times.astype(np.int64)).to(self.device)
        alpha = self.signal[steps].sqrt().view(-1, 1, 1, 1)
        sigma = (1 - self.signal[steps]).sqrt().view(-1, 1, 1, 1)
        states, pooled = self._conditions([sample.caption for sample in samples], draw)
        sizes = self._tensor(np.stack([_size_condition(side, draw) for _ in samples]))
        with short_attention(self.device):
            guess = self.net["unet"](
                torch.cat([alpha * clean + sigma * noise, seen], 1),
                steps,
                encoder_hidden_states=states,
                added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes},
            ).sample
        error = functional.mse_loss(guess.float(), alpha * noise - sigma * clean, reduction="none")
        weight = KEPT + (1 - KEPT) * seen[:, :1] if seen.shape[1] else torch.ones_like(error[:, :1])
        return (error * weight).sum() / (weight.sum() * error.shape[1])

    def _conditions(self, captions: Sequence[str], draw: np.random.Generator) -> tuple[Tensor, Tensor]:
        """States and pooled texts; a tenth of them say nothing, in each of the three ways in which pipelines say it."""
        chances = draw.random(len(captions)) / DROPPED * 3
        silent = {1: NEGATIVE, 2: ""}
        texts = [silent.get(int(chance), text) for chance, text in zip(chances, captions, strict=True)]
        tokens = tokenize(self.tokenizer, texts, self.device)
        with short_attention(self.device), torch.set_grad_enabled(self.texts and torch.is_grad_enabled()):
            states, pooled = read_prompts(self.net["text_encoder"], self.net["text_encoder_2"], tokens)
        kept = self._tensor((chances >= 1).astype(np.float32))  # zeros are the pipelines' answer to no negative prompt
        return states * kept.view(-1, 1, 1), pooled * kept.view(-1, 1)

    def _tensor(self, values: np.ndarray[Any, Any]) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)


def _size_condition(side: int, draw: np.random.Generator) -> tuple[int, ...]:
    """Original size, corner of the crop, target size: every picture is whole; smaller ones are called what they are."""
    claimed = CLAIMED[int(draw.integers(len(CLAIMED)))] if side == SIZE else side
    return claimed, claimed, 0, 0, side, side
