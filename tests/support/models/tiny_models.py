"""Production architectures, tiny and of random weights, in the folder formats of production. Built in a second."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from actors.models.dummy.build import BUILDERS
from actors.models.dummy.write import save

TEXT = {
    "hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 3, "num_attention_heads": 4, "projection_dim": 32,
}  # fmt: skip
UNET = {
    "sample_size": 8, "in_channels": 9, "out_channels": 4, "block_out_channels": (32, 64), "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": 64, "attention_head_dim": (2, 4), "use_linear_projection": True,
    "addition_embed_type": "text_time", "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + 32,
}  # fmt: skip
REFINER = {**UNET, "in_channels": 4, "cross_attention_dim": 32, "projection_class_embeddings_input_dim": 5 * 8 + 32}
VAE = {
    "block_out_channels": (8, 8, 8, 8), "norm_num_groups": 4, "layers_per_block": 1, "latent_channels": 4,
    "sample_size": 64, "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
    "scaling_factor": 0.13025,
}  # fmt: skip
CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
GROUNDING_DINO = {
    "image": {"shortest_edge": 64, "longest_edge": 96},
    "backbone": {
        "image_size": 64, "patch_size": 4, "embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2],
        "window_size": 2,
    },
    "text": {
        "vocab_size": 57, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
    },
    "detector": {
        "num_queries": 10, "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "num_feature_levels": 3,
        "max_text_len": 64,
    },
}  # fmt: skip
SAM2 = {
    "hiera": {
        "hidden_size": 8, "num_attention_heads": 1, "image_size": [64, 64], "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 24, 32], "num_attention_heads_per_stage": [1, 1, 1, 1],
        "window_size_per_stage": [4, 4, 4, 4], "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [4, 4],
    },
    "vision": {
        "backbone_channel_list": [32, 24, 16, 8], "fpn_hidden_size": 16,
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
    },
    "prompt": {"hidden_size": 16, "image_size": 64, "patch_size": 16, "mask_input_channels": 8},
    "decoder": {
        "hidden_size": 16, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "iou_head_hidden_dim": 16,
    },
    "image": {"size": {"height": 64, "width": 64}, "mask_size": {"height": 16, "width": 16}},
}  # fmt: skip
TOWER = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
OWLV2 = {
    "text": {**TOWER, "vocab_size": 49408}, "vision": {**TOWER, "image_size": 64, "patch_size": 16},
    "projection_dim": 32,
}  # fmt: skip
SIGLIP = {
    "text": {**TOWER, "num_hidden_layers": 2, "vocab_size": 49408, "projection_size": 32},
    "vision": {**TOWER, "num_hidden_layers": 2, "image_size": 32, "patch_size": 8},
}
BOXES_APART = 0.05  # standard deviation of a box head's last weights at which boxes differ


def written(kind, sizes, folder: Path, license_: str, seed: int = 0, alter=None) -> Path:
    """A model's folder, its networks as their libraries make them from a seed."""
    torch.manual_seed(seed)
    parts = BUILDERS[kind](sizes)
    if alter:
        alter(parts[0])
    save(parts, folder)
    (folder / "README.md").write_text(f"---\nlicense: {license_}\n---\nTiny and random.\n")
    return folder


def save_sdxl_inpaint(folder: Path) -> Path:
    """An SDXL inpainting pipeline: 9 channels in, VAE factor 8, two text encoders."""
    return written("sdxl_inpaint", {"unet": UNET, "vae": VAE, "text": TEXT, "text_2": TEXT}, folder, "openrail++")


def save_sdxl_refiner(folder: Path) -> Path:
    """A refiner: 4 channels, the second text encoder alone, told of aesthetics."""
    return written("sdxl_refiner", {"unet": REFINER, "vae": VAE, "text_2": TEXT}, folder, "openrail++", seed=1)


def save_open_clip(folder: Path, *, quick_gelu: bool = False) -> Path:
    """A CLIP of 32 px images, prepared in its own way, in the folder that open_clip reads through `local-dir:`."""
    written("open_clip", {**CLIP, "quick_gelu": quick_gelu}, folder, "mit")
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["preprocess_cfg"] |= {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
    path.write_text(json.dumps(config))
    return folder


def save_grounding_dino(folder: Path) -> Path:
    """A Grounding DINO for 64 px pictures with ten queries, its BERT tokenizer over single letters."""
    return written("grounding_dino", GROUNDING_DINO, folder, "apache-2.0")


def save_sam2(folder: Path) -> Path:
    """A SAM 2 for 64 px pictures."""
    return written("sam2", SAM2, folder, "apache-2.0")


def save_owlv2(folder: Path) -> Path:
    """An OWLv2 for 64 px pictures in 16 patches."""

    def apart(net):
        torch.nn.init.normal_(net.box_head.dense2.weight, std=BOXES_APART)

    return written("owlv2", OWLV2, folder, "apache-2.0", alter=apart)


def save_siglip(folder: Path) -> Path:
    """A SigLIP of 32 px pictures."""
    return written("siglip", SIGLIP, folder, "apache-2.0")


def save_sdxl_lora(folder: Path, width: int = 64) -> Path:
    """A LoRA for the queries of that UNet's first attention."""
    torch.manual_seed(2)
    name = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    folder.mkdir(parents=True)
    weights = {f"{name}.lora_A.weight": torch.randn(4, width), f"{name}.lora_B.weight": torch.randn(width, 4)}
    save_file(weights, folder / "pytorch_lora_weights.safetensors")
    return folder


def tiny_tower(width: int = 32, layers: int = 1):
    """A Dinov2Model of random weights, for 56 px pictures in patches of 14."""
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    return Dinov2Model(
        Dinov2Config(
            hidden_size=width, num_hidden_layers=layers, num_attention_heads=2, image_size=56, patch_size=14,
            use_mask_token=False,
        )
    ).eval()  # fmt: skip
