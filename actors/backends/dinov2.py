"""Identity embeddings through DINOv2: one unit vector per picture, near for two pictures of the same thing.

Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024, in transformers' format. The
vector is the class token after the last layer norm, as used for subject fidelity by Ruiz et al., "DreamBooth", CVPR
2023 (metric DINO). Cosines of two models cannot be compared: `model` goes into every row that was scored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from actors.backends.pretrained import prepared, read_net
from actors.provenance import identify
from actors.weights import forbid_code, local_weights
from engine.errors import EnvironmentProblem, UsageError
from engine.records import Pixels

BATCH = 64
FILES = ("config.json", "preprocessor_config.json", "model.safetensors", "README.md")
UNUSED = ("embeddings.mask_token",)  # of training only


@final
class DinoV2:
    """Any DINOv2 in transformers' format: ``config.json``, ``preprocessor_config.json``, ``model.safetensors``.

    Runs in float32 on every device: a score that decides over a row must not depend on the card.

    Args:
        model: a local folder, ``shipped:<family>/<part>``, or a hub id such as ``facebook/dinov2-small``.
        revision: the 40 hex digits of a commit; required for a hub id.

    Raises:
        UsageError: WEIGHTS_MISMATCH, and those of `actors.weights.local_weights`.
        EnvironmentProblem: IDENTITY_CONFIG, and those of `actors.weights.local_weights`.
    """

    def __init__(self, model: str, revision: str = "") -> None:
        forbid_code()
        from transformers import BitImageProcessor, Dinov2Model

        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        folder = local_weights(model, revision, files=FILES)
        self.width = _hidden_size(folder)
        self.model = identify(model, folder)
        self.net = read_net(Dinov2Model, folder, _mismatch, unused=UNUSED).to(self.device)
        self._prepare: Any = BitImageProcessor.from_pretrained(folder, local_files_only=True)

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """NxD unit vectors of N HxWx3 RGB images, whatever their sizes."""
        parts = [
            self.net(pixel_values=batch.to(self.device)).pooler_output
            for batch in prepared(self._prepare, images, BATCH)
        ]
        if not parts:
            return np.zeros((0, self.width), np.float32)
        return cast("NDArray[np.float32]", functional.normalize(torch.cat(parts).float(), dim=-1).cpu().numpy())


def _hidden_size(folder: Path) -> int:
    """D, after a look at what transformers would read."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_bytes())
        kind, width = str(config["model_type"]), int(config["hidden_size"])
        prepared = json.loads((folder / "preprocessor_config.json").read_bytes())["image_processor_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnvironmentProblem(
            "IDENTITY_CONFIG",
            "no usable DINOv2 configuration",
            where=str(folder),
            why=f"{type(error).__name__}: {error}",
            fix="take a folder with config.json, preprocessor_config.json and model.safetensors",
        ) from None
    if (kind, str(prepared).removesuffix("Fast")) != ("dinov2", "BitImageProcessor"):
        raise _mismatch(folder, f"it is a {kind!r} that is fed by a {prepared!r}")
    return width


def _mismatch(folder: Path, why: str) -> UsageError:
    return UsageError(
        "WEIGHTS_MISMATCH",
        "the tensors are not those of the DINOv2 in its config.json",
        where=str(folder),
        why=why,
        fix="take a folder or repository of a DINOv2 without registers, such as facebook/dinov2-small",
    )
