"""A personalisation of another tool as an artifact of ours, in a process that has torch."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from actors.models.provenance import identify
from actors.models.weights import pipeline_weights
from actors.personalize.artifact import EMBEDDINGS, KV, ArtifactFacts, write_manifest
from actors.personalize.bases.stable_diffusion import StableDiffusion
from actors.personalize.legacy import read_legacy
from engine.errors import UsageError
from engine.storage.folders import put_folder
from engine.storage.open_store import open_store
from planners.train.prompts import ConceptWords


def import_legacy(path: str, base_from: tuple[str, str], classes: Mapping[str, str], out: str, side: int) -> list[str]:
    """Write an artifact of what another tool trained; its tokens.

    Args:
        path: file or folder of the other tool.
        base_from: base that it was trained on, and commit of a hub id.
        classes: what each token's concept is, by token.
        out: URI of the artifact.
        side: of its pictures in pixels.

    Raises:
        UsageError: LEGACY_FORMAT, LEGACY_BASE where weights or rows do not fit the base, and those of the base.
        EnvironmentProblem: LEGACY_UNREADABLE, and those of the base.
    """
    base, revision = base_from
    found = read_legacy(Path(path))
    net = StableDiffusion(base, revision, torch.device("cpu"))
    known = dict(net.denoiser.named_parameters())
    widths = [encoder.get_input_embeddings().weight.shape[1] for encoder in net.encoders]
    wrong = [
        name
        for name, weight in {**found.whole, **found.added}.items()
        if name not in known or known[name].shape != weight.shape
    ]
    if wrong or not (found.whole or found.added):
        raise _misfit(
            path, base, f"{wrong[0]} is not in it, or of another shape" if wrong else "it holds no keys and values"
        )
    for token, rows in found.rows.items():
        if [len(row) for row in rows] != widths:
            raise _misfit(
                path, base, f"{token} has rows of {[len(row) for row in rows]} numbers, and the base of {widths}"
            )
    with tempfile.TemporaryDirectory(prefix="mc-artifact-") as scratch, torch.no_grad():
        folder = Path(scratch)
        changed = {name: (weight - known[name].float()).contiguous() for name, weight in found.whole.items()} | dict(
            found.added
        )
        save_file(changed, folder / KV)
        tokens = list(found.rows)
        columns = zip(*(found.rows[token] for token in tokens), strict=True)
        embeddings = {name: torch.stack(rows) for name, rows in zip(net.embeddings, columns, strict=False)}
        save_file(embeddings, folder / EMBEDDINGS)
        words = tuple(ConceptWords(token.strip("<>"), classes.get(token, ""), token, "") for token in tokens)
        facts = ArtifactFacts(
            method="kv", words=words, composition=False, base=identify(base, pipeline_weights(base, revision)),
            base_from=base_from, side=side, data={"uri": Path(path).name},
        )  # fmt: skip
        write_manifest(folder, facts, list(embeddings))
        put_folder(open_store(out), "", folder)
    return tokens


def _misfit(path: str, base: str, why: str) -> UsageError:
    fix = "give the base that it was trained on"
    return UsageError("LEGACY_BASE", f"was not trained on {base}", where=path, why=why, fix=fix)
