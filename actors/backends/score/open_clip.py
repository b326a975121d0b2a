"""CLIP embeddings through open_clip: images and texts as unit vectors, whose dot products are the scores.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021. Scores of two models
cannot be compared: `model` goes into every row that was scored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from actors.models.provenance import identify
from actors.models.weights import CLIP_CHECKPOINTS, CLIP_FILES, SHIPPED, forbid_code, local_weights
from actors.score.scorers import ClipSpec
from engine.errors import EnvironmentProblem, UsageError
from engine.rows.values import Pixels

BATCH = 64
LOCAL, HUB = "local-dir:", "hf-hub:"


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """Where a model comes from, as rows record it (`name`), and whether it was trained with QuickGELU."""

    name: str
    place: str
    quick_gelu: bool = False


@final
class OpenClip:
    """Any CLIP that open_clip knows: a name and a pretrained tag, ``hf-hub:org/name``, or a local folder.

    A folder holds ``open_clip_config.json`` and ``open_clip_model.safetensors``. Runs in float32 on every device: a
    score that decides over a row must not depend on the GPU.

    Raises:
        UsageError: CLIP_UNKNOWN, CLIP_TEXT_TOWER, WEIGHTS_MISMATCH, and those of `actors.models.weights.local_weights`.
        EnvironmentProblem: CLIP_CONFIG, and those of `actors.models.weights.local_weights`.
    """

    def __init__(self, spec: ClipSpec) -> None:
        forbid_code()
        import open_clip

        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        source = find_source(spec.model, spec.pretrained)
        folder = local_weights(source.place, spec.revision, files=CLIP_FILES)
        self.width = _embed_dim(folder)
        self.model = identify(source.name, folder)
        name = f"{LOCAL}{folder}"
        try:
            net, _, self._preprocess = open_clip.create_model_and_transforms(
                name, precision="fp32", device=self.device, force_quick_gelu=source.quick_gelu
            )
            self._tokenize: Any = open_clip.get_tokenizer(name)  # of a local folder: always from that folder
        except (RuntimeError, TypeError, ValueError, OSError) as error:
            raise UsageError(
                "WEIGHTS_MISMATCH",
                "tensors, tokenizer and open_clip_config.json do not fit together",
                where=str(folder),
                why=str(error).strip().splitlines()[0],
                fix="take a folder written by open_clip, whole",
            ) from None
        self._net: Any = net.eval()

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """NxD unit vectors of N HxWx3 RGB images, whatever their sizes."""
        parts = []
        for start in range(0, len(images), BATCH):
            inputs = [self._preprocess(Image.fromarray(image)) for image in images[start : start + BATCH]]
            parts.append(self._net.encode_image(torch.stack(inputs).to(self.device)))
        return self._unit(parts)

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """NxD unit vectors of N texts; what passes the model's context (77 tokens for most) is not read."""
        parts = []
        for start in range(0, len(texts), BATCH):
            tokens = self._tokenize(list(texts[start : start + BATCH]))
            parts.append(self._net.encode_text(tokens.to(self.device)))
        return self._unit(parts)

    def _unit(self, parts: Sequence[Tensor]) -> NDArray[np.float32]:
        if not parts:
            return np.zeros((0, self.width), np.float32)
        return cast("NDArray[np.float32]", functional.normalize(torch.cat(list(parts)).float(), dim=-1).cpu().numpy())


def find_source(model: str, pretrained: str) -> WeightsSource:
    """The folder or hub id behind a model name and tag.

    Tags resolve to the hub repository that open_clip lists for them. QuickGELU comes from the tag as well, because
    open_clip only warns when ``ViT-B-32`` meets the tag ``openai``, and then computes with the wrong activation.

    Raises:
        UsageError: CLIP_UNKNOWN where open_clip has no such model or tag, or lists no hub repository for it.
    """
    if model.startswith((LOCAL, SHIPPED)) or Path(model).expanduser().is_dir():
        return WeightsSource(model, model.removeprefix(LOCAL))
    if model.startswith(HUB):
        return WeightsSource(model.removeprefix(HUB), model.removeprefix(HUB))
    import open_clip

    tag = open_clip.get_pretrained_cfg(model, pretrained) if pretrained else {}
    repository = "/".join(tag.get("hf_hub", "").split("/")[:2])
    if not repository:
        tags = open_clip.list_pretrained_tags_by_model(model)
        raise UsageError(
            "CLIP_UNKNOWN",
            f"open_clip has no weights {pretrained!r} for a model {model!r}",
            fix=f"the tags of {model} are: {', '.join(tags)}"
            if tags
            else "name a model of open_clip.list_models(), or a folder with open_clip_config.json",
        )
    return WeightsSource(f"{model}/{pretrained}", repository, bool(tag.get("quick_gelu")))


def _embed_dim(folder: Path) -> int:
    """D, after a look at what open_clip would read: it must find its config, and prefer the safetensors."""
    path = folder / "open_clip_config.json"
    try:
        config = json.loads(path.read_bytes())["model_cfg"]
        width, text = int(config["embed_dim"]), dict(config["text_cfg"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnvironmentProblem(
            "CLIP_CONFIG",
            "no usable open_clip config",
            where=str(path),
            why=f"{type(error).__name__}: {error}",
            fix="take a folder written by open_clip, with model_cfg (embed_dim, vision_cfg, text_cfg)",
        ) from None
    if not any((folder / name).is_file() for name in CLIP_CHECKPOINTS):
        raise EnvironmentProblem(
            "WEIGHTS_MISSING",
            f"holds no {CLIP_CHECKPOINTS[0]}",
            where=str(folder),
            fix="rename the weights, or get them",
        )
    if "hf_model_name" in text:
        raise UsageError(
            "CLIP_TEXT_TOWER",
            f"its text tower {text['hf_model_name']!r} comes from a second, unpinned repository",
            where=str(path),
            fix="take a CLIP whose text tower is open_clip's own",
        )
    return width
