"""Dummies that paint."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
)

from actors.models.dummy.published import Sizes
from actors.models.dummy.tokenizers import shipped_tokenizer


def _euler() -> Any:
    """SDXL's scheduler; its table of noise levels is no weight, so it is never on the meta device."""
    with torch.device("cpu"):
        return EulerDiscreteScheduler(beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1)


def sdxl_inpaint(sizes: Sizes) -> list[Any]:
    """`StableDiffusionXLInpaintPipeline`; parts unet, vae, text, text_2."""
    return [
        StableDiffusionXLInpaintPipeline(
            unet=UNet2DConditionModel(**sizes["unet"]), vae=AutoencoderKL(**sizes["vae"]),
            text_encoder=CLIPTextModel(CLIPTextConfig(vocab_size=49408, **sizes["text"])),
            text_encoder_2=CLIPTextModelWithProjection(CLIPTextConfig(vocab_size=49408, **sizes["text_2"])),
            tokenizer=shipped_tokenizer("painter/tokenizer"), tokenizer_2=shipped_tokenizer("painter/tokenizer_2"),
            scheduler=_euler(),
            add_watermarker=False,
        )
    ]  # fmt: skip


def sdxl_refiner(sizes: Sizes) -> list[Any]:
    """`StableDiffusionXLImg2ImgPipeline` with the second text encoder alone; parts unet, vae, text_2."""
    return [
        StableDiffusionXLImg2ImgPipeline(
            unet=UNet2DConditionModel(**sizes["unet"]), vae=AutoencoderKL(**sizes["vae"]), text_encoder=None,
            text_encoder_2=CLIPTextModelWithProjection(CLIPTextConfig(vocab_size=49408, **sizes["text_2"])),
            tokenizer=None, tokenizer_2=shipped_tokenizer("painter/tokenizer_2"),
            scheduler=_euler(),
            requires_aesthetics_score=True, force_zeros_for_empty_prompt=False, add_watermarker=False,
        )
    ]  # fmt: skip


def z_image(sizes: Sizes) -> list[Any]:
    """`ZImagePipeline`; parts transformer, vae, text (a Qwen3)."""
    return [
        ZImagePipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=AutoencoderKL(**sizes["vae"]),
            text_encoder=Qwen3Model(Qwen3Config(**sizes["text"])), tokenizer=shipped_tokenizer("planner"),
            transformer=ZImageTransformer2DModel(**sizes["transformer"]),
        )
    ]  # fmt: skip


def flux2_klein(sizes: Sizes) -> list[Any]:
    """`Flux2KleinPipeline`; parts transformer, vae, text (a Qwen3)."""
    return [
        Flux2KleinPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
            vae=AutoencoderKLFlux2(**sizes["vae"]), text_encoder=Qwen3ForCausalLM(Qwen3Config(**sizes["text"])),
            tokenizer=shipped_tokenizer("planner"), transformer=Flux2Transformer2DModel(**sizes["transformer"]),
        )
    ]  # fmt: skip
