"""The spec of a personalisation by Custom Diffusion (Kumari et al. 2023) on a base of the Stable Diffusion families."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import ClassVar, final

import torch
from pydantic import Field

from actors.models.provenance import identify
from actors.models.weights import local_weights
from actors.personalize.artifact import save_artifact
from actors.personalize.denoising_task import Crew, Denoise
from actors.personalize.stable_diffusion import StableDiffusion
from actors.personalize.trainables import Method, add_concepts, choose_weights
from actors.personalize.training_data import TrainingData, facts, is_dataset, read_classes, read_composed, read_photos
from actors.training.loop import best_device, fit
from engine.seeds import derive
from engine.storage.folders import put_folder
from engine.storage.open_store import open_store
from engine.training.context import TrainContext
from engine.training.schedule import Schedule
from engine.training.spec import TrainingSpec
from planners.train.epoch_order import require_work
from planners.train.prompts import PromptStrategies

PAPER = Schedule(
    steps=500, lr=8e-5, warmup=0, final_lr_share=1.0, betas=(0.9, 0.999), ema=0.0, checkpoint_every=100, log_every=10
)
"""500 steps at 8e-5: what the authors' scripts come to on two GPUs, said without an implicit scale."""


@final
class CustomDiffusion(TrainingSpec):
    """Concepts taught together. Batch and rate are those of all workers together."""

    name: ClassVar[str] = "custom-diffusion"

    base: str = Field(description="folder, shipped:micro/generator, or a hub id of Stable Diffusion 1.x, 2.x or XL")
    revision: str = Field(default="", description="commit of a hub id")
    method: Method = Field(default="kv-lora", description="kv: keys and values; kv-lora, attn-lora: LoRAs on them")
    rank: int = Field(default=16, ge=1, le=256, description="of the LoRAs")
    side: int = Field(default=512, ge=64, le=2048, multiple_of=64, description="of pictures in pixels")
    batch: int = Field(default=4, ge=1, description="rows of concepts in a step, on all workers together")
    prior: str = Field(default="", description="photos of the classes, a folder each; empty: no prior preservation")
    prior_weight: float = Field(default=1.0, ge=0, description="of the loss on them")
    augment: bool = Field(default=True, description="show photos near and far; false for faces")
    flip: bool = Field(default=True, description="mirror half of the rows")
    prompts: PromptStrategies = Field(default=PromptStrategies(), description="how composed rows are worded")
    schedule: Schedule = Field(default=PAPER)

    def train(self, context: TrainContext) -> None:
        """Train on `context.data`; rank 0 puts the artifact into `context.out`.

        Raises:
            UsageError, SampleError: those of `actors.personalize.training_data`; TRAIN_WORKERS, TRAIN_TOKEN,
                TRAINING_DIVERGED.
            EnvironmentProblem: those of the base's weights.
        """
        torch.set_num_threads(context.threads)
        torch.manual_seed(derive(self.seed, self.name))  # LoRAs begin with random numbers
        data = self._read(context.data)
        require_work(len(data.rows), self.batch, context.world_size)
        classes = read_classes(self.prior, data.words, self.seed, flip=self.flip) if self.prior else None
        device = best_device()
        base = StableDiffusion(self.base, self.revision, device)
        rows = add_concepts(base, data.words, composition=self.prompts.composition_token)
        weights = choose_weights(base, self.method, self.rank)
        before = {name: weight.detach().cpu().clone() for name, weight in weights.items() if self.method == "kv"}
        task = Denoise(
            base, weights, rows, (data.rows, classes), batch=self.batch, prior_weight=self.prior_weight,
            side=self.side, seed=self.seed, crew=Crew(context.rank, context.world_size),
        )  # fmt: skip
        fit(task, self.schedule, context, device=device)
        if context.rank == 0:
            with tempfile.TemporaryDirectory(prefix="mc-artifact-") as scratch:
                save_artifact(
                    Path(scratch), base, rows, before, method=self.method, words=data.words,
                    composition=self.prompts.composition_token, facts={**facts(data), "spec": self.digest()},
                    base_model=identify(self.base, local_weights(self.base, self.revision)),
                )  # fmt: skip
                put_folder(open_store(context.out), self.name, Path(scratch))

    def _read(self, uri: str) -> TrainingData:
        if is_dataset(uri):
            return read_composed(uri, self.seed, self.prompts, flip=self.flip)
        return read_photos(uri, self.seed, augment=self.augment, flip=self.flip)
