"""SigLIP embeddings through transformers: images and texts as unit vectors, whose dot products are the scores.

Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023; Tschannen et al., "SigLIP 2", 2025, whose
fixed-resolution models have the same architecture. Texts are lowered and padded to 64 tokens, as both were trained.
Its cosines are far lower than CLIP's, and scores of two models cannot be compared: `model` goes into every row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from actors.backends.pretrained import prepare_batches, read_net
from actors.models.provenance import identify
from actors.models.weights import forbid_code, local_weights
from actors.score.scorers import ClipSpec
from engine.errors import UsageError
from engine.rows.values import Pixels

BATCH = 64
KIND = "siglip"


@final
class Siglip:
    """Any SigLIP, or SigLIP 2 of fixed resolution, in transformers' format.

    Runs in float32 on every device: a score that decides over a row must not depend on the GPU.

    Raises:
        UsageError: WEIGHTS_MISMATCH, and those of `actors.models.weights.local_weights`.
        EnvironmentProblem: those of `actors.models.weights.local_weights`.
    """

    def __init__(self, spec: ClipSpec) -> None:
        forbid_code()
        from transformers import AutoImageProcessor, AutoTokenizer, SiglipModel

        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        folder = local_weights(spec.model, spec.revision)
        _check_kind(folder)
        self.model = identify(spec.model, folder)
        self._net: Any = read_net(SiglipModel, folder, _mismatch).to(self.device)
        options = {"local_files_only": True, "trust_remote_code": False}
        self._prepare: Any = AutoImageProcessor.from_pretrained(folder, **options)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, **options)
        self._longest = int(self._net.config.text_config.max_position_embeddings)
        self.width = int(self._net.config.vision_config.hidden_size)

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """NxD unit vectors of N HxWx3 RGB images, whatever their sizes."""
        return self._unit(
            [
                self._net.vision_model(pixel_values=batch.to(self.device)).pooler_output
                for batch in prepare_batches(self._prepare, images, BATCH)
            ]
        )

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """NxD unit vectors of N texts; what passes the model's context, 64 tokens for all so far, is not read."""
        parts = []
        for start in range(0, len(texts), BATCH):
            lowered = [text.lower() for text in texts[start : start + BATCH]]
            tokens = self._tokenizer(
                lowered, padding="max_length", truncation=True, max_length=self._longest, return_tensors="pt"
            )
            parts.append(self._net.text_model(input_ids=tokens["input_ids"].to(self.device)).pooler_output)
        return self._unit(parts)

    def _unit(self, parts: Sequence[Tensor]) -> NDArray[np.float32]:
        if not parts:
            return np.zeros((0, self.width), np.float32)
        return cast("NDArray[np.float32]", functional.normalize(torch.cat(list(parts)).float(), dim=-1).cpu().numpy())


def _check_kind(folder: Path) -> None:
    try:
        kind = json.loads((folder / "config.json").read_bytes())["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _mismatch(folder, f"its config.json cannot be used: {type(error).__name__}: {error}") from None
    if kind != KIND:
        raise _mismatch(folder, f"it is a {kind!r}")


def _mismatch(folder: Path, why: str) -> UsageError:
    return UsageError(
        "WEIGHTS_MISMATCH",
        "is no SigLIP that can be run",
        where=str(folder),
        why=why,
        fix="take a SigLIP, or a SigLIP 2 of fixed resolution, such as google/siglip2-so400m-patch14-384",
    )
