"""Z-Image and FLUX.2 klein made tiny, with random weights, as `save_pretrained` writes them."""

from pathlib import Path

import torch

from tests.support.models.language_models import save_qwen2


def _vae(blocks: int) -> dict:
    """Sizes of an autoencoder whose latents are 2 ** (blocks - 1) times smaller."""
    return {
        "block_out_channels": (8,) * blocks, "norm_num_groups": 4, "layers_per_block": 1, "latent_channels": 4,
        "down_block_types": ("DownEncoderBlock2D",) * blocks, "up_block_types": ("UpDecoderBlock2D",) * blocks,
    }  # fmt: skip


def _text_encoder(folder: Path, layers: int):
    """A Qwen3 and the tokenizer, with its chat template, of the tiny Qwen2."""
    from transformers import AutoTokenizer, Qwen3Config

    tokenizer = AutoTokenizer.from_pretrained(save_qwen2(folder.parent / f"{folder.name}-words"))
    return tokenizer, Qwen3Config(
        vocab_size=len(tokenizer) + 16, hidden_size=16, intermediate_size=32, num_hidden_layers=layers, head_dim=8,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=1024,
    )  # fmt: skip


def _written(pipe, folder: Path) -> Path:
    pipe.save_pretrained(folder, safe_serialization=True)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nTiny and random.\n")
    return folder


def save_z_image(folder: Path) -> Path:
    """A `ZImagePipeline`, as the published one calls itself, for multiples of 4 px."""
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
    from transformers import Qwen3Model

    torch.manual_seed(0)
    tokenizer, words = _text_encoder(folder, layers=2)
    transformer = ZImageTransformer2DModel(
        in_channels=4, dim=32, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=16,
        axes_dims=[4, 6, 6], axes_lens=[1024, 64, 64],
    )  # fmt: skip
    vae = AutoencoderKL(
        **_vae(2), scaling_factor=0.36, shift_factor=0.11, use_quant_conv=False, use_post_quant_conv=False
    )
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    return _written(
        ZImagePipeline(
            scheduler=scheduler, vae=vae, text_encoder=Qwen3Model(words), tokenizer=tokenizer, transformer=transformer
        ),
        folder,
    )


def save_flux2_klein(folder: Path, *, blocks: int = 2, is_distilled: bool = True) -> Path:
    """A `Flux2KleinPipeline`; it reads layers 9, 18 and 27 of its language model, whose table has places to spare."""
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )
    from transformers import Qwen3ForCausalLM

    torch.manual_seed(0)
    tokenizer, words = _text_encoder(folder, layers=28)
    transformer = Flux2Transformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=48, timestep_guidance_channels=16, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
    )  # fmt: skip
    return _written(
        Flux2KleinPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
            vae=AutoencoderKLFlux2(**_vae(blocks)), text_encoder=Qwen3ForCausalLM(words),
            tokenizer=tokenizer, transformer=transformer,
            is_distilled=is_distilled,
        ),
        folder,
    )  # fmt: skip
