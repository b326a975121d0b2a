"""Dummies that see: encoders, detectors, segmenters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import open_clip
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BitImageProcessor,
    Dinov2Config,
    Dinov2Model,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessor,
    Owlv2Processor,
    Sam2Config,
    Sam2HieraDetConfig,
    Sam2ImageProcessor,
    Sam2MaskDecoderConfig,
    Sam2Model,
    Sam2Processor,
    Sam2PromptEncoderConfig,
    Sam2VisionConfig,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SwinConfig,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from actors.backends.segment.isnet import FILE
from actors.backends.segment.isnet_net import ISNet
from actors.models.dummy.published import Sizes, with_labels
from actors.models.dummy.tokenizers import bert_tokenizer, shipped_tokenizer


def grounding_dino(sizes: Sizes) -> list[Any]:
    """`GroundingDinoForObjectDetection` on a Swin; parts image, backbone, text, detector."""
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(**sizes["backbone"], out_features=["stage2", "stage3", "stage4"]),
        text_config=BertConfig(**sizes["text"]),
        **sizes["detector"],
    )
    processor = GroundingDinoProcessor(GroundingDinoImageProcessor(size=dict(sizes["image"])), bert_tokenizer())
    return [GroundingDinoForObjectDetection(config), processor]


def sam2(sizes: Sizes) -> list[Any]:
    """`Sam2Model`; parts hiera, vision, prompt, decoder, image."""
    config = Sam2Config(
        vision_config=Sam2VisionConfig(backbone_config=Sam2HieraDetConfig(**sizes["hiera"]), **sizes["vision"]),
        prompt_encoder_config=Sam2PromptEncoderConfig(**sizes["prompt"]),
        mask_decoder_config=Sam2MaskDecoderConfig(**sizes["decoder"]),
    )
    return [Sam2Model(config), Sam2Processor(Sam2ImageProcessor(**sizes["image"]))]


def siglip(sizes: Sizes) -> list[Any]:
    """`SiglipModel`; parts text, vision."""
    side = sizes["vision"]["image_size"]
    config = SiglipConfig(text_config=dict(sizes["text"]), vision_config=dict(sizes["vision"]))
    images = SiglipImageProcessor(size={"height": side, "width": side})
    return [SiglipModel(config), images, shipped_tokenizer("painter/tokenizer")]


def dinov2(sizes: Sizes) -> list[Any]:
    """`Dinov2Model`; sizes of its config."""
    side = {"height": 224, "width": 224}
    return [Dinov2Model(Dinov2Config(**sizes)), BitImageProcessor(size={"shortest_edge": 256}, crop_size=side)]


def owlv2(sizes: Sizes) -> list[Any]:
    """`Owlv2ForObjectDetection`; parts text, vision, projection_dim."""
    side = sizes["vision"]["image_size"]
    tokenizer = shipped_tokenizer("painter/tokenizer", model_max_length=16)
    config = Owlv2Config(
        text_config=dict(sizes["text"]), vision_config=dict(sizes["vision"]), projection_dim=sizes["projection_dim"]
    )
    images = Owlv2ImageProcessor(size={"height": side, "width": side})
    return [Owlv2ForObjectDetection(config), Owlv2Processor(images, tokenizer)]


def vit(sizes: Sizes) -> list[Any]:
    """`ViTForImageClassification` whose labels exclude each other; sizes of its config, and labels."""
    side = sizes.get("image_size", 224)
    return [
        ViTForImageClassification(ViTConfig(**with_labels(sizes))),
        ViTImageProcessor(size={"height": side, "width": side}),
    ]


@final
class OpenClipFolder:
    """A CLIP of open_clip's with the two files of its folder format; sizes are its `model_cfg`."""

    PREPROCESS: Mapping[str, Any] = {
        "mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711],
        "interpolation": "bicubic", "resize_mode": "shortest",
    }  # fmt: skip

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = dict(sizes)
        self.components = {"clip": open_clip.CLIP(**self.sizes)}

    def save_pretrained(self, folder: Path) -> None:
        """Write config and weights."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {"model_cfg": self.sizes, "preprocess_cfg": dict(self.PREPROCESS)}
        (folder / "open_clip_config.json").write_text(json.dumps(config))
        state = {name: value.contiguous() for name, value in self.components["clip"].state_dict().items()}
        save_file(state, folder / "open_clip_model.safetensors")


@final
class IsNetFolder:
    """IS-Net with the one file of its folder; its sizes are those of the class."""

    def __init__(self, sizes: Sizes) -> None:
        self.components = {"isnet": ISNet(**sizes)}

    def save_pretrained(self, folder: Path) -> None:
        """Write the weights; they state their own name, since a file has no card."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.components["isnet"].state_dict(), folder / FILE, metadata={"name": "isnet-dummy"})
