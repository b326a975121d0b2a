"""One worker's part of a personalisation: data, base, what is trained of it, the loop, and on rank 0 the artifact."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from actors.models.provenance import identify
from actors.models.weights import pipeline_weights
from actors.personalize.artifact import ArtifactFacts, save_artifact
from actors.personalize.bases.base_model import Base
from actors.personalize.custom_diffusion import BASES, CustomDiffusion
from actors.personalize.denoising_task import Crew, Denoise
from actors.personalize.looks import Looks
from actors.personalize.rows.encode_stage import LATENTS, latent_stages
from actors.personalize.rows.framing import LATENT
from actors.personalize.rows.latent_table import LatentTable, encode_latents, read_latents
from actors.personalize.rows.training_data import TrainingData, read_classes, read_data
from actors.personalize.rows.training_rows import Photos, TrainingRows
from actors.personalize.trainables import add_concepts, choose_weights
from actors.training.loop import best_device, fit
from engine.seeds import derive
from engine.storage.folders import put_folder
from engine.storage.lock import LOCK
from engine.storage.open_store import open_store
from engine.training.context import TrainContext
from planners.train.epoch_order import require_work


def personalise(spec: CustomDiffusion, context: TrainContext) -> None:
    """Train; see `CustomDiffusion.train`."""
    torch.set_num_threads(context.threads)
    torch.manual_seed(derive(spec.seed, spec.name))  # LoRAs begin with random numbers
    data = read_data(context.data, spec.choice)
    require_work(len(data.rows), spec.batch, context.world_size)
    classes = read_classes(spec.prior, data.words, spec.seed, flip=spec.flip) if spec.prior else None
    device = best_device()
    base = BASES.resolve(spec.backend)(spec.base, spec.revision, device, half=spec.half)
    rows = add_concepts(base, data.words, composition=spec.prompts.composition_token) if spec.train_words else []
    weights = choose_weights(base.denoiser, type(base), spec.method, spec.rank)
    if spec.gradient_checkpointing:
        base.spare_memory()
    before = {name: weight.detach().cpu().clone() for name, weight in weights.items() if spec.method == "kv"}
    looks = Looks(spec, base, data, context.out) if context.rank == 0 else None
    with tempfile.TemporaryDirectory(prefix="mc-latents-") as scratch:
        latents = _open_latents(spec, context, (data, classes), base, Path(scratch))
        task = Denoise(
            base, weights, rows, (data.rows, classes), batch=spec.batch, prior_weight=spec.prior_weight,
            side=spec.side, seed=spec.seed, crew=Crew(context.rank, context.world_size), parts=spec.accumulate,
            looks=looks, latents=latents,
        )  # fmt: skip
        fit(task, spec.schedule, context, device=device)
    if looks is not None:
        looks.take(spec.schedule.steps)
        facts = ArtifactFacts(
            method=spec.method,
            words=data.words,
            composition=spec.prompts.composition_token,
            base=identify(spec.base, pipeline_weights(spec.base, spec.revision)),
            base_from=(spec.base, spec.revision),
            side=spec.side,
            licenses=data.licenses,
            spec=spec.model_dump(mode="json"),
            data={"uri": context.data, "rows": len(data.rows), "fingerprint": data.fingerprint},
            metrics=looks.metrics,
        )
        with tempfile.TemporaryDirectory(prefix="mc-artifact-") as scratch:
            save_artifact(Path(scratch), base, rows, before, facts)
            put_folder(open_store(context.out), "", Path(scratch))


def _open_latents(
    spec: CustomDiffusion,
    context: TrainContext,
    read: tuple[TrainingData, Photos | None],
    base: Base,
    scratch: Path,
) -> dict[str, LatentTable]:
    """Latents that a pool has encoded, or of few rows, encoded here; others are encoded when they are shown."""
    found = {}
    data, classes = read
    edge = spec.side // LATENT
    shape = (2 * int(base.vae.config.latent_channels), edge, edge)
    for kind, stage in latent_stages(spec, context.data, data, classes).items():
        rows: TrainingRows | None = data.rows if kind == "concepts" else classes
        assert rows is not None
        uri = f"{context.out}/{LATENTS}/{stage.key}"
        if open_store(uri).exists(LOCK):
            found[kind] = read_latents(uri, rows, shape, scratch / kind)
        elif len(rows) * rows.variants <= spec.pool_above:
            found[kind] = encode_latents(rows, base.moments, spec.side, shape, scratch / kind)
    return found
