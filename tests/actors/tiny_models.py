"""Production architectures, tiny and of random weights, in the folder formats of production. Built in a second."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _tokenizer(folder: Path):
    """CLIP's byte-pair tokenizer over single letters, at CLIP's length of 77."""
    from transformers import CLIPTokenizer

    tokens = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77), len(tokens)


def _text_config(vocabulary: int):
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=37, num_hidden_layers=3, num_attention_heads=4,
        projection_dim=32, max_position_embeddings=77, bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )  # fmt: skip


def _unet():
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8, in_channels=9, out_channels=4, block_out_channels=(32, 64), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=64, attention_head_dim=(2, 4), use_linear_projection=True,
        addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + 32,
    )  # fmt: skip


def _vae():
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=4, layers_per_block=1, latent_channels=4, sample_size=64,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, scaling_factor=0.13025,
    )  # fmt: skip


def save_sdxl_inpaint(folder: Path) -> Path:
    """An SDXL inpainting pipeline as `save_pretrained` writes it: 9 channels in, VAE factor 8, two text encoders."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLInpaintPipeline
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    tokenizer, vocabulary = _tokenizer(folder.parent / f"{folder.name}-vocabulary")
    pipe = StableDiffusionXLInpaintPipeline(
        vae=_vae(),
        text_encoder=CLIPTextModel(_text_config(vocabulary)),
        text_encoder_2=CLIPTextModelWithProjection(_text_config(vocabulary)),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=_unet(),
        scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1),
        add_watermarker=False,
    )
    pipe.save_pretrained(folder, safe_serialization=True)
    (folder / "README.md").write_text("---\nlicense: openrail++\n---\nTiny and random.\n")
    return folder


def save_sdxl_refiner(folder: Path, base: Path) -> Path:
    """A refiner: 4 channels, the second text encoder alone, told of aesthetics."""
    from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline, UNet2DConditionModel

    torch.manual_seed(1)
    like = StableDiffusionXLInpaintPipeline.from_pretrained(base)
    config = dict(_unet().config) | {
        "in_channels": 4, "cross_attention_dim": 32, "projection_class_embeddings_input_dim": 5 * 8 + 32,
    }  # fmt: skip
    pipe = StableDiffusionXLImg2ImgPipeline(
        vae=like.vae, text_encoder=None, text_encoder_2=like.text_encoder_2, tokenizer=None,
        tokenizer_2=like.tokenizer_2, unet=UNet2DConditionModel(**config), scheduler=like.scheduler,
        requires_aesthetics_score=True, force_zeros_for_empty_prompt=False, add_watermarker=False,
    )  # fmt: skip
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder


def save_sdxl_lora(folder: Path, width: int = 64) -> Path:
    """A LoRA for the queries of that UNet's first attention."""
    torch.manual_seed(2)
    name = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    folder.mkdir(parents=True)
    weights = {f"{name}.lora_A.weight": torch.randn(4, width), f"{name}.lora_B.weight": torch.randn(width, 4)}
    save_file(weights, folder / "pytorch_lora_weights.safetensors")
    return folder


def save_open_clip(folder: Path, *, quick_gelu: bool = False) -> Path:
    """A CLIP of 32 px images in the folder format that open_clip reads through `local-dir:`."""
    import open_clip

    model = {
        "embed_dim": 16,
        "quick_gelu": quick_gelu,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    }
    preprocess = {
        "mean": [0.4, 0.5, 0.6],
        "std": [0.2, 0.25, 0.3],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model, "preprocess_cfg": preprocess}))
    save_file(open_clip.CLIP(**model).state_dict(), folder / "open_clip_model.safetensors")
    (folder / "README.md").write_text("---\nlicense: mit\n---\nTiny and random.\n")
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


def save_grounding_dino(folder: Path) -> Path:
    """A Grounding DINO for 64 px pictures with ten queries, its BERT tokenizer over single letters."""
    from transformers import (
        BertConfig,
        BertTokenizer,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    torch.manual_seed(0)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ".", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    swin = SwinConfig(
        image_size=64, patch_size=4, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=2,
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    bert = BertConfig(
        vocab_size=len(tokens), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    config = GroundingDinoConfig(
        backbone_config=swin, text_config=bert, num_queries=10, d_model=32, encoder_layers=1, decoder_layers=2,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32,
        num_feature_levels=3, max_text_len=64,
    )  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(tokens))
    size = {"shortest_edge": 64, "longest_edge": 96}
    processor = GroundingDinoProcessor(GroundingDinoImageProcessor(size=size), BertTokenizer(str(folder / "vocab.txt")))
    processor.save_pretrained(folder)
    GroundingDinoForObjectDetection(config).save_pretrained(folder, safe_serialization=True)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nTiny and random.\n")
    return folder


def save_sam2(folder: Path) -> Path:
    """A SAM 2 for 64 px pictures."""
    from transformers import (
        Sam2Config,
        Sam2HieraDetConfig,
        Sam2ImageProcessor,
        Sam2MaskDecoderConfig,
        Sam2Model,
        Sam2Processor,
        Sam2PromptEncoderConfig,
        Sam2VisionConfig,
    )

    torch.manual_seed(0)
    hiera = Sam2HieraDetConfig(
        hidden_size=8, num_attention_heads=1, image_size=[64, 64], blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 24, 32], num_attention_heads_per_stage=[1, 1, 1, 1],
        window_size_per_stage=[4, 4, 4, 4], global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )  # fmt: skip
    vision = Sam2VisionConfig(
        backbone_config=hiera, backbone_channel_list=[32, 24, 16, 8], fpn_hidden_size=16,
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
    )  # fmt: skip
    prompt = Sam2PromptEncoderConfig(hidden_size=16, image_size=64, patch_size=16, mask_input_channels=8)
    decoder = Sam2MaskDecoderConfig(
        hidden_size=16, mlp_dim=16, num_hidden_layers=1, num_attention_heads=2, iou_head_hidden_dim=16
    )
    config = Sam2Config(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)
    processor = Sam2Processor(
        Sam2ImageProcessor(size={"height": 64, "width": 64}, mask_size={"height": 16, "width": 16})
    )
    processor.save_pretrained(folder)
    Sam2Model(config).save_pretrained(folder, safe_serialization=True)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nTiny and random.\n")
    return folder


def save_owlv2(folder: Path) -> Path:
    """An OWLv2 for 64 px pictures in 16 patches."""
    from transformers import Owlv2Config, Owlv2ForObjectDetection, Owlv2ImageProcessor, Owlv2Processor

    torch.manual_seed(0)
    tokenizer, vocabulary = _tokenizer(folder)
    tokenizer.model_max_length = 16
    tower = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**tower, "vocab_size": vocabulary, "max_position_embeddings": 16, "eos_token_id": vocabulary - 1}
    vision = {**tower, "image_size": 64, "patch_size": 16}
    net = Owlv2ForObjectDetection(Owlv2Config(text_config=text, vision_config=vision, projection_dim=32))
    torch.nn.init.normal_(net.box_head.dense2.weight, std=0.05)
    images = Owlv2ImageProcessor(size={"height": 64, "width": 64})
    Owlv2Processor(images, tokenizer).save_pretrained(folder)
    net.save_pretrained(folder, safe_serialization=True)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nTiny and random.\n")
    return folder


def save_siglip(folder: Path) -> Path:
    """A SigLIP of 32 px pictures, with CLIP's kind of tokenizer over single letters."""
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    torch.manual_seed(0)
    tokenizer, vocabulary = _tokenizer(folder)
    tower = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**tower, "vocab_size": vocabulary, "max_position_embeddings": 64, "projection_size": 32}
    vision = {**tower, "image_size": 32, "patch_size": 8}
    tokenizer.save_pretrained(folder)
    SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).save_pretrained(folder, safe_serialization=True)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nTiny and random.\n")
    return folder
