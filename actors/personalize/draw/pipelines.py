"""Pipelines that draw: of a base, with or without an artifact."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from actors.models.provenance import identify
from actors.models.quiet import quiet
from actors.models.weights import forbid_code, pipeline_weights
from actors.personalize.artifact import apply_artifact
from actors.personalize.bases.base_model import moments_of, read_pipeline
from actors.personalize.manifest import MANIFEST, read_manifest
from actors.training.loop import best_device
from engine.rows.values import Model, Pixels
from engine.storage.folders import fetch_file
from engine.storage.open_store import open_store


def open_pipeline(base: str, revision: str, artifact: str, artifact_hash: str) -> tuple[Any, tuple[Model, ...]]:
    """A pipeline of diffusers on this process's GPU where it has one, and the models in it.

    Args:
        base: folder, shipped name or hub id.
        revision: commit of a hub id.
        artifact: URI of what was trained on it; empty: the base alone.
        artifact_hash: of its manifest.

    Raises:
        UsageError: ARTIFACT_BASE, and those of `actors.models.weights.pipeline_weights`.
        EnvironmentProblem: ARTIFACT_DAMAGED, and those of `actors.models.weights.pipeline_weights`.
    """
    torch.set_num_threads(1)  # sums then have one order whatever the machine
    folder, device = pipeline_weights(base, revision), best_device()
    pipe = read_pipeline(folder, torch.bfloat16 if device.type == "cuda" else torch.float32)
    known = identify(base, folder)
    models: tuple[Model, ...] = (known,)
    if artifact:
        with tempfile.TemporaryDirectory(prefix="mc-artifact-") as scratch:
            fetch_artifact(artifact, Path(scratch))
            apply_artifact(Path(scratch), pipe, known)
        taught = Model(name=artifact.rstrip("/").rpartition("/")[2], revision=artifact_hash, license=known.license)
        models = (known, taught)
    return pipe.to(device), models


def open_autoencoder(base: str, revision: str) -> Callable[[Sequence[Pixels]], Tensor]:
    """What makes moments of latents, (N, 2C, h, w), of N HxWx3 pictures of one size, in float32.

    Raises:
        UsageError, EnvironmentProblem: those of `actors.models.weights.pipeline_weights`.
    """
    forbid_code()
    quiet()
    from diffusers import AutoModel

    torch.set_num_threads(1)
    folder = pipeline_weights(base, revision) / "vae"
    vae: Any = AutoModel.from_pretrained(
        str(folder), dtype=torch.float32, use_safetensors=True, trust_remote_code=False, local_files_only=True
    )
    vae.to(best_device()).eval()
    return partial(moments_of, vae)


def fetch_artifact(uri: str, folder: Path) -> None:
    """Copy an artifact's manifest and weights to a folder on this disk.

    Raises:
        EnvironmentProblem: ARTIFACT_DAMAGED.
    """
    store = open_store(uri)
    for name in (MANIFEST, *read_manifest(store)["files"]):
        fetch_file(store, name, folder / name)
