"""The loss of Custom Diffusion: masked denoising of concepts, and of their classes so that these are not forgotten.

Kumari et al. 2023, section 3: the mean over rows of the masked squared error, and `prior_weight` times that of rows of
the class. What a row meets at a step (noise, time, view) follows from its place in the global batch and not from the
worker that has it: any number of workers makes the same step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from actors.personalize.looks import Looks
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
        parts: in which a worker computes its rows.
        looks: what is drawn on the way; None on all workers but one.
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
        parts: int = 1,
        looks: Looks | None = None,
    ) -> None:
        self.base, self.data, self.batch, self.prior_weight = base, data, batch, prior_weight
        self.side, self.seed, self.crew, self.parts, self.looks = side, seed, crew, parts, looks
        self._waited = 0.0  # s for pictures, since they were last told
        self.net = nn.ModuleDict({"token_rows": nn.ModuleList(token_rows), "unet": _Named(weights)})

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        """All parts of `losses` at once."""
        parts = list(self.losses(step, rank))
        return torch.stack([loss for loss, _ in parts]).sum(), {
            name: sum(values[name] for _, values in parts) for name in parts[0][1]
        }

    def losses(self, step: int, rank: int) -> Iterator[tuple[Tensor, dict[str, float]]]:
        """This worker's parts of the sum over the global batch, times the workers: gradients are averaged over them."""
        concepts, classes = self.data
        for part in range(self.parts):
            losses = [self._part(concepts, "concepts", step, rank, part)]
            if classes is not None:
                losses.append(self.prior_weight * self._part(classes, "classes", step, rank, part))
            names = "concept_loss", "prior_loss"
            values = {name: float(loss.detach()) for name, loss in zip(names, losses, strict=False)}
            values["wait_s"], self._waited = self._waited, 0.0
            yield torch.stack(losses).sum(), values

    def after(self, step: int, rank: int) -> None:
        """Look, where it is time."""
        del rank
        if self.looks is not None:
            self.looks.after(step)

    def batch_of(self, step: int) -> str:
        """The ids of the step's rows of concepts."""
        rows = self.data[0]
        return "rows " + ", ".join(rows.name(int(number)) for number in self._rows_of(rows, "concepts", step))

    def _rows_of(self, rows: TrainingRows, kind: str, step: int) -> NDArray[np.int64]:
        return EpochOrder(len(rows), self.batch, derive(self.seed, kind)).step(step)

    def _part(self, rows: TrainingRows, kind: str, step: int, rank: int, part: int) -> Tensor:
        taken = self._rows_of(rows, kind, step)
        mine = range(self.batch)[share(self.batch, rank, self.crew.world_size)]
        places = mine[share(len(mine), part, self.parts)]
        if not places:  # fewer rows than parts: nothing to compute, and a gradient of zero
            return next(self.net.parameters()).sum() * 0.0
        began = time.perf_counter()
        shown = [rows.show(int(taken[place]), f"{step}/{place}", self.side) for place in places]
        self._waited += time.perf_counter() - began
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
