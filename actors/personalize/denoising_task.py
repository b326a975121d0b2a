"""The loss of Custom Diffusion: masked denoising of concepts, and of their classes so that these are not forgotten.

Kumari et al. 2023, section 3: the mean over rows of the masked squared error, and `prior_weight` times that of rows of
the class. What a row meets at a step (noise, time, view) follows from its place in the global batch and not from the
worker that has it: any number of workers makes the same step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from actors.personalize.stable_diffusion import StableDiffusion
from actors.personalize.trainables import TokenRows
from actors.personalize.training_rows import Shown, TrainingRows
from actors.training.loop import TrainingTask
from engine.seeds import derive
from planners.train.epoch_order import EpochOrder, share


@dataclass(frozen=True, slots=True)
class Crew:
    """Which worker this is, and how many there are."""

    rank: int
    world_size: int


@final
class Denoise(TrainingTask):
    """Rows of concepts, and as many of their classes where there are any.

    Args:
        base: frozen, but for `weights` and `token_rows`.
        weights: trained weights of the UNet by name.
        token_rows: trained embedding rows of each text encoder.
        data: rows of concepts, then those of classes, which may be none.
        batch: rows of concepts in a step, on all workers together.
        prior_weight: of the rows of classes.
        side: of pictures in pixels.
        seed: root seed.
        crew: this worker.
    """

    def __init__(
        self,
        base: StableDiffusion,
        weights: dict[str, nn.Parameter],
        token_rows: Sequence[TokenRows],
        data: tuple[TrainingRows, TrainingRows | None],
        *,
        batch: int,
        prior_weight: float,
        side: int,
        seed: int,
        crew: Crew,
    ) -> None:
        self.base, self.data, self.batch, self.prior_weight = base, data, batch, prior_weight
        self.side, self.seed, self.crew = side, seed, crew
        self.net = nn.ModuleDict({"token_rows": nn.ModuleList(token_rows), "unet": _Named(weights)})

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        """This worker's part of the sum over the global batch, times the workers: gradients are averaged over them."""
        concepts, classes = self.data
        losses = [self._part(concepts, "concepts", step, rank)]
        if classes is not None:
            losses.append(self.prior_weight * self._part(classes, "classes", step, rank))
        names = "concept_loss", "prior_loss"
        values = {name: float(loss.detach()) for name, loss in zip(names, losses, strict=False)}
        return torch.stack(losses).sum(), values

    def _part(self, rows: TrainingRows, kind: str, step: int, rank: int) -> Tensor:
        taken = EpochOrder(len(rows), self.batch, derive(self.seed, kind)).step(step)
        mine = share(self.batch, rank, self.crew.world_size)
        places = range(self.batch)[mine]
        shown = [rows.show(int(taken[place]), f"{step}/{place}", self.side) for place in places]
        generators = [torch.Generator().manual_seed(derive(self.seed, kind, step, place)) for place in places]
        errors = self._errors(shown, generators)
        masks = torch.stack([torch.from_numpy(one.mask) for one in shown]).to(errors.device).unsqueeze(1)
        area = masks.sum((1, 2, 3)).clamp(min=1) * errors.shape[1]
        return ((errors * masks).sum((1, 2, 3)) / area).sum() * self.crew.world_size / self.batch

    def _errors(self, shown: Sequence[Shown], generators: Sequence[torch.Generator]) -> Tensor:
        """Squared errors (N, C, h, w), each row with noise and a time of its own."""
        pairs = zip(shown, generators, strict=True)
        latents = torch.cat([self.base.latents([one.pixels], each) for one, each in pairs])
        shape = latents.shape[1:]
        noise = torch.stack([torch.randn(shape, generator=each) for each in generators]).to(latents.device)
        most = int(self.base.scheduler.config.num_train_timesteps)
        times = torch.cat([torch.randint(most, (1,), generator=each) for each in generators]).to(latents.device)
        conditions = self.base.encode([one.prompt for one in shown], self.side)
        return self.base.errors(latents, noise, times, conditions)


@final
class _Named(nn.Module):
    """Weights that belong to another network, under their own names with slashes for dots."""

    def __init__(self, weights: dict[str, nn.Parameter]) -> None:
        super().__init__()
        for name, weight in weights.items():
            self.register_parameter(name.replace(".", "/"), weight)
