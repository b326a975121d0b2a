"""Models of the published sizes with random weights: what they cost can be measured where no hub can be reached.

Sizes are facts of the published configs; a test holds them to the published numbers of parameters.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

TOKENIZERS = Path(__file__).parents[1] / "weights" / "micro" / "painter"  # words do not matter here, lengths do

SDXL_UNET: Mapping[str, Any] = {
    "sample_size": 128, "in_channels": 9, "out_channels": 4, "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 2, "transformer_layers_per_block": (1, 2, 10), "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048, "use_linear_projection": True, "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip
SDXL_VAE: Mapping[str, Any] = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4, "sample_size": 1024,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
    "scaling_factor": 0.13025, "force_upcast": True,
}  # fmt: skip
CLIP_L_TEXT: Mapping[str, Any] = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "projection_dim": 768, "hidden_act": "quick_gelu",
}  # fmt: skip
CLIP_G_TEXT: Mapping[str, Any] = {
    "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
    "projection_dim": 1280, "hidden_act": "gelu",
}  # fmt: skip
DINOV2_L: Mapping[str, Any] = {
    "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14, "image_size": 518,
}  # fmt: skip
SMALL_UNET = SDXL_UNET | {
    "block_out_channels": (32, 64, 64), "transformer_layers_per_block": (1, 1, 1), "attention_head_dim": (4, 4, 4),
    "cross_attention_dim": 64, "projection_class_embeddings_input_dim": 6 * 256 + 32,
}  # fmt: skip
SMALL_VAE = SDXL_VAE | {"block_out_channels": (32,) * 4, "layers_per_block": 1}
SMALL_TEXT = CLIP_L_TEXT | {
    "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "projection_dim": 32,
}  # fmt: skip


def sdxl_parts(*, small: bool = False) -> dict[str, Any]:
    """The networks of an SDXL inpainting pipeline, random, on torch's default device; `small` for a trial on a CPU."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    first, second = (SMALL_TEXT, SMALL_TEXT) if small else (CLIP_L_TEXT, CLIP_G_TEXT)
    return {
        "unet": UNet2DConditionModel(**(SMALL_UNET if small else SDXL_UNET)),
        "vae": AutoencoderKL(**(SMALL_VAE if small else SDXL_VAE)),
        "text_encoder": CLIPTextModel(CLIPTextConfig(vocab_size=49408, **first)),
        "text_encoder_2": CLIPTextModelWithProjection(CLIPTextConfig(vocab_size=49408, **second)),
    }


def write_sdxl(folder: Path, device: str, *, small: bool = False) -> Path:
    """A folder as the published pipeline's in half precision; small random weights keep numbers finite."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLInpaintPipeline
    from transformers import AutoTokenizer

    torch.manual_seed(0)
    with torch.device(device):
        parts = sdxl_parts(small=small)
    half = device != "cpu"
    for net in parts.values():
        net.to(torch.float16 if half else torch.float32)
        for weight in net.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.02)
    tokenizers = {
        name: AutoTokenizer.from_pretrained(TOKENIZERS / name, local_files_only=True, trust_remote_code=False)
        for name in ("tokenizer", "tokenizer_2")
    }
    scheduler = EulerDiscreteScheduler(beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1)
    pipe = StableDiffusionXLInpaintPipeline(**parts, **tokenizers, scheduler=scheduler, add_watermarker=False)
    shutil.rmtree(folder, ignore_errors=True)
    pipe.save_pretrained(folder, safe_serialization=True, variant="fp16" if half else None)
    return folder
