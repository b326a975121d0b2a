"""Nets of transformers, whole: it only warns where tensors are missing, and leaves them at random."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.errors import EnvironmentProblem
from engine.rows.values import Pixels


def read_net(
    kind: Any, folder: Path, mismatch: Callable[[Path, str], Exception], *, unused: tuple[str, ...] = (), **options: Any
) -> Any:
    """A net in float32 and evaluation mode.

    Args:
        kind: a model class of transformers.
        folder: what `actors.models.weights.local_weights` gave.
        mismatch: the error for tensors that are not those of the folder's configuration; its folder, and why.
        unused: beginnings of the names of tensors that may be missing, since they have no part in what is asked.
        options: what the class is given beside the configuration.

    Raises:
        EnvironmentProblem: WEIGHTS_MISSING.
        Exception: what `mismatch` gives.
    """
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # workers have no terminal
    if not (folder / "model.safetensors").is_file():
        raise EnvironmentProblem(
            "WEIGHTS_MISSING", "holds no model.safetensors", where=str(folder), fix="download the model into it again"
        )
    try:
        net, info = kind.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise mismatch(folder, str(error).strip().splitlines()[0]) from None
    missing = sorted(name for name in info["missing_keys"] if not name.startswith(unused))
    if missing:
        raise mismatch(folder, f"{len(missing)} tensors are missing, among them {', '.join(missing[:3])}")
    return net.eval()


def prepare_batches(prepare: Any, images: Sequence[Pixels], size: int) -> Iterator[Tensor]:
    """Batches of up to `size` images, Bx3xHxW. Each is made ready by itself, since they differ in size."""
    for start in range(0, len(images), size):
        inputs = [
            prepare(torch.tensor(image).permute(2, 0, 1), return_tensors="pt").pixel_values
            for image in images[start : start + size]
        ]
        yield torch.cat(inputs)
