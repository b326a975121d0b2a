"""A linear head over CLIP's image embeddings, such as LAION's aesthetic predictors: what a picture is worth to a crowd.

LAION-AI/aesthetic-predictor (2022): one linear layer over embeddings of length 1, trained on ratings from 1 to 10. A
head belongs to the CLIP that it was trained on, and its numbers mean nothing over another.
"""

from __future__ import annotations

from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from actors.models.provenance import identify
from actors.models.weights import local_weights
from engine.errors import UsageError


@final
class LinearHead:
    """One safetensors file with `weight`, 1xD, and `bias`, 1, in a folder.

    Args:
        model: a local folder, or a hub id.
        revision: the 40 hex digits of a commit; required for a hub id.
        width: D of the embeddings that it will read.

    Raises:
        UsageError: WEIGHTS_MISMATCH, and those of `actors.models.weights.local_weights`.
        EnvironmentProblem: those of `actors.models.weights.local_weights`.
    """

    def __init__(self, model: str, revision: str, width: int) -> None:
        from safetensors.numpy import load_file

        folder = local_weights(model, revision)
        files = sorted(folder.glob("*.safetensors"))
        tensors = load_file(files[0]) if len(files) == 1 else {}
        shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
        if shapes != {"weight": [1, width], "bias": [1]}:
            raise _mismatch(folder, f"{len(files)} safetensors files with {shapes}", width)
        self.model = identify(model, folder)
        self._weight = tensors["weight"][0].astype(np.float64)
        self._bias = float(tensors["bias"][0])

    def judge(self, embedding: NDArray[np.float32]) -> float:
        """The head's number for an embedding of length 1."""
        return float(embedding.astype(np.float64) @ self._weight) + self._bias


def _mismatch(folder: Path, why: str, width: int) -> UsageError:
    return UsageError(
        "WEIGHTS_MISMATCH",
        f"is no linear head over {width} numbers",
        where=str(folder),
        why=why,
        fix=f"take a folder with one safetensors file: weight, 1 x {width}, and bias, 1; of the CLIP named beside it",
    )
