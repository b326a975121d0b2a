"""The sizes of the models that recipes name: facts of their published configs, as data.

What a config leaves at its library's default is left out. A test holds each to its published number of parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Sizes = Mapping[str, Any]

_CLIP_L: Sizes = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "projection_dim": 768, "hidden_act": "quick_gelu",
}  # fmt: skip
_CLIP_G: Sizes = {
    "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
    "projection_dim": 1280, "hidden_act": "gelu",
}  # fmt: skip
_SDXL_VAE: Sizes = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4, "sample_size": 1024,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
    "scaling_factor": 0.13025, "force_upcast": True,
}  # fmt: skip
_SDXL_UNET: Sizes = {
    "sample_size": 128, "in_channels": 9, "out_channels": 4, "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 2, "transformer_layers_per_block": (1, 2, 10), "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048, "use_linear_projection": True, "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip
_REFINER_UNET: Sizes = {
    **_SDXL_UNET, "in_channels": 4, "block_out_channels": (384, 768, 1536, 1536),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": 4, "attention_head_dim": (6, 12, 24, 24), "cross_attention_dim": 1280,
    "projection_class_embeddings_input_dim": 2560,
}  # fmt: skip
_FLUX_VAE: Sizes = {
    **_SDXL_VAE, "latent_channels": 16, "scaling_factor": 0.3611, "shift_factor": 0.1159, "use_quant_conv": False,
    "use_post_quant_conv": False,
}  # fmt: skip
_QWEN3_4B: Sizes = {
    "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "max_position_embeddings": 40960,
    "tie_word_embeddings": True,
}  # fmt: skip
_QWEN3_8B: Sizes = {**_QWEN3_4B, "hidden_size": 4096, "intermediate_size": 12288, "tie_word_embeddings": False}
_BASE: Sizes = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
_SO400M: Sizes = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16}


@dataclass(frozen=True, slots=True)
class Published:
    """A published model: which builder of `actors.models.dummy.build` makes it, its sizes, its precision."""

    kind: str
    sizes: Sizes
    dtype: str = "float32"


PUBLISHED: Mapping[str, Published] = {
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1": Published(
        "sdxl_inpaint", {"unet": _SDXL_UNET, "vae": _SDXL_VAE, "text": _CLIP_L, "text_2": _CLIP_G}, "float16"
    ),
    "stabilityai/stable-diffusion-xl-refiner-1.0": Published(
        "sdxl_refiner", {"unet": _REFINER_UNET, "vae": _SDXL_VAE, "text_2": _CLIP_G}, "float16"
    ),
    "Tongyi-MAI/Z-Image-Turbo": Published(
        "z_image", {"transformer": {}, "vae": _FLUX_VAE, "text": _QWEN3_4B}, "bfloat16"
    ),
    "black-forest-labs/FLUX.2-klein-base-4B": Published(
        "flux2_klein",
        {
            "transformer": {
                "num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "joint_attention_dim": 7680,
                "guidance_embeds": False,
            },
            "vae": {}, "text": _QWEN3_4B,
        },
        "bfloat16",
    ),
    "Qwen/Qwen3-8B": Published("qwen3", {"text": _QWEN3_8B}, "bfloat16"),
    "Qwen/Qwen3-VL-8B-Instruct": Published(
        "qwen3_vl", {"text": {**_QWEN3_8B, "max_position_embeddings": 262144}, "vision": {"out_hidden_size": 4096}},
        "bfloat16",
    ),
    "IDEA-Research/grounding-dino-base": Published(
        "grounding_dino",
        {
            "image": {"shortest_edge": 800, "longest_edge": 1333},
            "backbone": {
                "image_size": 384, "embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32],
                "window_size": 12,
            },
            "text": {"vocab_size": 30522}, "detector": {},
        },
    ),
    "facebook/sam2.1-hiera-large": Published(
        "sam2",
        {
            "hiera": {
                "hidden_size": 144, "num_attention_heads": 2, "blocks_per_stage": [2, 6, 36, 4],
                "embed_dim_per_stage": [144, 288, 576, 1152], "num_attention_heads_per_stage": [2, 4, 8, 16],
                "window_size_per_stage": [8, 4, 16, 8], "global_attention_blocks": [23, 33, 43],
            },
            "vision": {"backbone_channel_list": [1152, 576, 288, 144]}, "prompt": {}, "decoder": {}, "image": {},
        },
    ),
    "isnet-general-use": Published("isnet", {}),
    "ViT-B-32/openai": Published(
        "open_clip",
        {
            "embed_dim": 512, "quick_gelu": True,
            "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32},
            "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12},
        },
    ),
    "google/siglip2-so400m-patch14-384": Published(
        "siglip",
        {
            "text": {**_SO400M, "vocab_size": 256000, "projection_size": 1152},
            "vision": {**_SO400M, "image_size": 384, "patch_size": 14},
        },
    ),
    "facebook/dinov2-large": Published(
        "dinov2", {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 518,
                   "patch_size": 14},
    ),
    "facebook/dinov2-small": Published(
        "dinov2",
        {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6, "image_size": 518, "patch_size": 14},
    ),
    "google/owlv2-base-patch16-ensemble": Published(
        "owlv2", {"text": {}, "vision": {"image_size": 960}, "projection_dim": 512}
    ),
    "Falconsai/nsfw_image_detection": Published("vit", {**_BASE, "labels": ("normal", "nsfw")}),
    "unitary/toxic-bert": Published(
        "bert",
        {
            **_BASE, "vocab_size": 30522,
            "labels": ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"),
        },
    ),
}  # fmt: skip
"""By the names that recipes use."""


def with_labels(sizes: Sizes) -> dict[str, Any]:
    """Sizes whose `labels` are spelt as configs of transformers do."""
    rest = {key: value for key, value in sizes.items() if key != "labels"}
    names = dict(enumerate(sizes["labels"]))
    return {**rest, "id2label": names, "label2id": {name: number for number, name in names.items()}}
