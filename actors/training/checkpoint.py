"""All that a training needs to go on as if nothing had happened, as tensors and JSON, in one folder.

    model.safetensors       weights and buffers by name
    ema.safetensors         averages of the weights by name
    optimizer.safetensors   "<moment>:<weight>", for AdamW: step, exp_avg, exp_avg_sq; for Muon: momentum_buffer
    state.json              steps taken, updates made, losses skipped

`engine.training.checkpoints` stores the folder, whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from actors.models.weights import read_tensors
from actors.training.ema import Ema
from actors.training.optimizer import Optimizers
from engine.errors import EnvironmentProblem

STATE = "state.json"
MOMENTS = ("step", "exp_avg", "exp_avg_sq", "momentum_buffer")


@dataclass(slots=True)
class TrainingProgress:
    """How far a training is.

    Attributes:
        step: steps taken, whether their update was made or skipped.
        updates: updates made.
        skipped: losses or gradients that were not finite.
        in_a_row: how many of those were the last ones.
    """

    step: int = 0
    updates: int = 0
    skipped: int = 0
    in_a_row: int = 0


def save(folder: Path, net: nn.Module, optimizer: Optimizers, ema: Ema, progress: TrainingProgress) -> None:
    """Write a checkpoint into an empty folder."""
    save_file(_plain(_tensors(net)), folder / "model.safetensors")
    save_file(_plain(ema.averages), folder / "ema.safetensors")
    save_file(_plain(_moments(net, optimizer)), folder / "optimizer.safetensors")
    (folder / STATE).write_text(json.dumps(asdict(progress)), encoding="utf-8")


def restore(folder: Path, net: nn.Module, optimizer: Optimizers, ema: Ema) -> TrainingProgress:
    """Put a checkpoint back into the objects of a training that was set up as the one that wrote it.

    Raises:
        EnvironmentProblem: CHECKPOINT_MISMATCH when it is of another network, CHECKPOINT_UNREADABLE and
            WEIGHTS_UNREADABLE when it is damaged.
    """
    progress = _read_progress(folder / STATE)
    own = _tensors(net)
    model, averages = _read(folder / "model.safetensors", own), _read(folder / "ema.safetensors", ema.averages)
    moments = read_tensors(folder / "optimizer.safetensors")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(model[name])
        ema.load(averages)
        for name, weight in net.named_parameters():
            for moment in MOMENTS:
                value = moments.get(f"{moment}:{name}")
                if value is not None:  # weights that had no gradient yet have no moments
                    like = weight if value.shape == weight.shape else value.to(weight.device)
                    optimizer.moments(weight)[moment] = torch.empty_like(like).copy_(value)
    return progress


def _read_progress(path: Path) -> TrainingProgress:
    try:
        return TrainingProgress(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise EnvironmentProblem(
            "CHECKPOINT_UNREADABLE",
            "does not say how far the training was",
            where=_name_in_checkpoint(path),
            why=str(error),
            fix="delete the checkpoint's folder, to go on from the one before or from the beginning",
        ) from error


def _read(path: Path, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    stored = read_tensors(path)
    differing = sorted(name for name in own.keys() | stored.keys() if _shape(own, name) != _shape(stored, name))
    if differing:
        raise EnvironmentProblem(
            "CHECKPOINT_MISMATCH",
            f"is of another network; {len(differing)} tensors differ: {', '.join(differing[:3])}",
            where=_name_in_checkpoint(path),
            fix="delete the run's folder to train from the beginning, or give another --work",
        )
    return stored


def _name_in_checkpoint(path: Path) -> str:
    """A file by the checkpoint that it is of: the folder is a copy, which goes with the process."""
    return f"{path.parent.name}/{path.name}"


def _tensors(net: nn.Module) -> dict[str, Tensor]:
    """Weights, each under the first of its names where layers share it, and the buffers that belong to the state."""
    stored = net.state_dict().keys()
    buffers = {name: buffer for name, buffer in net.named_buffers() if name in stored}
    return {name: weight.detach() for name, weight in net.named_parameters()} | buffers


def _moments(net: nn.Module, optimizer: Optimizers) -> dict[str, Tensor]:
    known = {name: optimizer.moments(weight) for name, weight in net.named_parameters()}
    return {f"{moment}:{name}": of[moment] for name, of in known.items() for moment in MOMENTS if moment in of}


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as the file format takes them: on the CPU, in row order, none sharing memory with another."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def _shape(tensors: Mapping[str, Tensor], name: str) -> object:
    return tuple(tensors[name].shape) if name in tensors else None
