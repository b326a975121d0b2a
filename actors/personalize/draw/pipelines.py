"""Pipelines that draw: of a base, with or without an artifact."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from actors.models.provenance import identify
from actors.models.quiet import quiet
from actors.models.weights import forbid_code, local_weights
from actors.personalize.artifact import apply_artifact
from actors.personalize.manifest import MANIFEST, read_manifest
from engine.rows.values import Model, Pixels
from engine.storage.folders import fetch_file
from engine.storage.open_store import open_store


def open_pipeline(
    base: str, revision: str, artifact: str, artifact_hash: str, threads: int
) -> tuple[Any, tuple[Model, ...]]:
    """A pipeline of diffusers on this process's GPU where it has one, and the models in it.

    Args:
        base: folder, shipped name or hub id.
        revision: commit of a hub id.
        artifact: URI of what was trained on it; empty: the base alone.
        artifact_hash: of its manifest.
        threads: that it computes with.

    Raises:
        UsageError: ARTIFACT_BASE, and those of `actors.models.weights.local_weights`.
        EnvironmentProblem: ARTIFACT_DAMAGED, and those of `actors.models.weights.local_weights`.
    """
    forbid_code()
    quiet()
    from diffusers import DiffusionPipeline

    torch.set_num_threads(threads)
    folder = local_weights(base, revision)
    on_gpu = torch.cuda.is_available()
    pipe: Any = DiffusionPipeline.from_pretrained(
        folder,
        dtype=torch.bfloat16 if on_gpu else torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
    )
    known = identify(base, folder)
    models: tuple[Model, ...] = (known,)
    if artifact:
        with tempfile.TemporaryDirectory(prefix="mc-artifact-") as scratch:
            fetch_artifact(artifact, Path(scratch))
            apply_artifact(Path(scratch), pipe, known)
        taught = Model(name=artifact.rstrip("/").rpartition("/")[2], revision=artifact_hash, license=known.license)
        models = (known, taught)
    return pipe.to("cuda" if on_gpu else "cpu"), models


def open_autoencoder(base: str, revision: str) -> Callable[[Sequence[Pixels]], NDArray[np.float32]]:
    """What makes moments of latents, (N, 2C, h, w), of N HxWx3 pictures of one size, in float32.

    Raises:
        UsageError, EnvironmentProblem: those of `actors.models.weights.local_weights`.
    """
    forbid_code()
    quiet()
    from diffusers import AutoencoderKL

    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    folder = local_weights(base, revision) / "vae"
    vae: Any = AutoencoderKL.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, local_files_only=True)
    vae.to(device).eval()

    @torch.no_grad()
    def encode(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(device).float() / 127.5 - 1
        found = vae.encode(pixels).latent_dist
        made: NDArray[np.float32] = torch.cat([found.mean, found.std], 1).float().cpu().numpy()
        return made

    return encode


def fetch_artifact(uri: str, folder: Path) -> None:
    """Copy an artifact's manifest and weights to a folder on this disk.

    Raises:
        EnvironmentProblem: ARTIFACT_DAMAGED.
    """
    store = open_store(uri)
    for name in (MANIFEST, *read_manifest(store)["files"]):
        fetch_file(store, name, folder / name)
