"""Identity embeddings through DINO and DINOv2: one unit vector per picture, near for two pictures of the same thing.

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021, and Oquab et al., "DINOv2:
Learning Robust Visual Features without Supervision", TMLR 2024, in transformers' format. The vector is the class token
after the last layer norm, as used for subject fidelity by Ruiz et al., "DreamBooth", CVPR 2023 (metric DINO, by
DINO ViT-S/16). Cosines of two models cannot be compared: `model` goes into every row that was scored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from actors.backends.pretrained import prepare_batches, read_net
from actors.models.provenance import identify
from actors.models.weights import forbid_code, local_weights
from engine.errors import EnvironmentProblem, UsageError
from engine.rows.values import Pixels

BATCH = 64
FILES = ("config.json", "preprocessor_config.json", "model.safetensors", "README.md")
PROCESSORS: Mapping[str, str] = {"dinov2": "BitImageProcessor", "vit": "ViTImageProcessor"}
"""What prepares pictures for DINOv2 and DINO, by `model_type`."""
UNUSED = ("embeddings.mask_token",)  # of training only


@final
class Dino:
    """Any DINO or DINOv2 in transformers' format: ``config.json``, ``preprocessor_config.json``, ``model.safetensors``.

    Runs in float32 on every device: a score that decides over a row must not depend on the GPU.

    Args:
        model: a local folder, ``shipped:<family>/<part>``, or a hub id such as ``facebook/dinov2-small``.
        revision: the 40 hex digits of a commit; required for a hub id.

    Raises:
        UsageError: WEIGHTS_MISMATCH, and those of `actors.models.weights.local_weights`.
        EnvironmentProblem: IDENTITY_CONFIG, and those of `actors.models.weights.local_weights`.
    """

    def __init__(self, model: str, revision: str = "") -> None:
        forbid_code()
        from transformers import BitImageProcessor, Dinov2Model, ViTImageProcessor, ViTModel

        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        folder = local_weights(model, revision, files=FILES)
        kind, self.width = _read_configs(folder)
        self.model = identify(model, folder)
        if kind == "dinov2":
            net = read_net(Dinov2Model, folder, _mismatch, unused=UNUSED)
            self._prepare: Any = BitImageProcessor.from_pretrained(folder, local_files_only=True)
        else:
            net = read_net(ViTModel, folder, _mismatch, add_pooling_layer=False)  # the pooler is not DINO's
            self._prepare = ViTImageProcessor.from_pretrained(folder, local_files_only=True)
        self.net = net.to(self.device)

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """NxD unit vectors of N HxWx3 RGB images, whatever their sizes."""
        parts = [
            self.net(pixel_values=batch.to(self.device)).last_hidden_state[:, 0]
            for batch in prepare_batches(self._prepare, images, BATCH)
        ]
        if not parts:
            return np.zeros((0, self.width), np.float32)
        return cast("NDArray[np.float32]", functional.normalize(torch.cat(parts).float(), dim=-1).cpu().numpy())


def _read_configs(folder: Path) -> tuple[str, int]:
    """The architecture, a key of `PROCESSORS`, and D, after a look at what transformers would read."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_bytes())
        kind, width = str(config["model_type"]), int(config["hidden_size"])
        stated = json.loads((folder / "preprocessor_config.json").read_bytes())
        prepare = stated.get("image_processor_type") or stated["feature_extractor_type"]  # DINO's files are of 2021
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnvironmentProblem(
            "IDENTITY_CONFIG",
            "no usable DINO configuration",
            where=str(folder),
            why=f"{type(error).__name__}: {error}",
            fix="take a folder with config.json, preprocessor_config.json and model.safetensors",
        ) from None
    if PROCESSORS.get(kind) != str(prepare).removesuffix("Fast").replace("FeatureExtractor", "ImageProcessor"):
        raise _mismatch(folder, f"it is a {kind!r} that is fed by a {prepare!r}")
    return kind, width


def _mismatch(folder: Path, why: str) -> UsageError:
    return UsageError(
        "WEIGHTS_MISMATCH",
        "the tensors are not those of the DINO or DINOv2 in its config.json",
        where=str(folder),
        why=why,
        fix="take a folder or repository of one without registers, such as facebook/dinov2-small",
    )
