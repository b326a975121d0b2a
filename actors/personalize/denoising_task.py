"""The loss of Custom Diffusion: masked denoising of concepts, and of their classes so that these are not forgotten.

Kumari et al. 2023, section 3: the mean over rows of the masked squared error, and `prior_weight` times that of rows of
the class. What a row meets at a step (noise, time, view) follows from its place in the global batch and not from the
worker that has it: any number of workers makes the same step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from actors.personalize.bases.base_model import Base, Conditions
from actors.personalize.looks import Looks
from actors.personalize.rows.latent_table import LatentTable
from actors.personalize.rows.training_rows import TrainingRows
from actors.personalize.trainables import TokenRows
from actors.training.loop import TrainingTask
from engine.seeds import derive, rng
from planners.train.epoch_order import EpochOrder, share

PROMPTS_KEPT = 64  # up to 16 MB each


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
        weights: trained weights of the denoiser by name.
        token_rows: trained embedding rows of each text encoder; none: words stay as they are.
        data: rows of concepts, then those of classes, which may be none.
        batch: rows of concepts in a step, on all workers together.
        prior_weight: of the rows of classes.
        side: of pictures in pixels.
        seed: root seed.
        crew: this worker.
        parts: in which a worker computes its rows.
        looks: what is drawn on the way; None on all workers but one.
        latents: of the rows that are encoded already, by kind, ``concepts`` or ``classes``.
    """

    def __init__(
        self,
        base: Base,
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
        latents: Mapping[str, LatentTable] | None = None,
    ) -> None:
        self.base, self.data, self.batch, self.prior_weight = base, data, batch, prior_weight
        self.side, self.seed, self.crew, self.parts, self.looks = side, seed, crew, parts, looks
        self._latents = latents or {}
        self._trains_words = bool(token_rows)
        self._known: dict[str, Conditions] = {}  # of prompts without a trained row, the last ones last
        self._waited = 0.0  # s for pictures, since they were last told
        self.net = nn.ModuleDict({"token_rows": nn.ModuleList(token_rows), "denoiser": _Named(weights)})

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
        views = [self._view(rows, kind, step, place) for place in places]
        told = [rows.tell(int(taken[place]), view, self.side) for place, view in zip(places, views, strict=True)]
        moments = self._moments(rows, kind, [int(taken[place]) for place in places], views)
        self._waited += time.perf_counter() - began
        generators = [torch.Generator().manual_seed(derive(self.seed, kind, step, place)) for place in places]
        errors = self._errors(moments, [prompt for prompt, _ in told], generators, stays=kind == "classes")
        masks = torch.stack([torch.from_numpy(mask) for _, mask in told]).to(errors.device).unsqueeze(1)
        area = masks.sum((1, 2, 3)).clamp(min=1) * errors.shape[1]
        return ((errors * masks).sum((1, 2, 3)) / area).sum() * self.crew.world_size / self.batch

    def _view(self, rows: TrainingRows, kind: str, step: int, place: int) -> str | int:
        """The view of the row at a place of the global batch."""
        if not rows.variants:
            return f"{step}/{place}"
        return int(rng(self.seed, "variant", f"{kind}/{step}/{place}").integers(rows.variants))

    def _moments(self, rows: TrainingRows, kind: str, numbers: Sequence[int], views: Sequence[str | int]) -> Tensor:
        """Moments of latents (N, 2C, h, w): those that are encoded already, or of pictures that are encoded now."""
        pairs = zip(numbers, views, strict=True)
        if kind in self._latents:
            return torch.stack([self._latents[kind].moments(number, int(view)) for number, view in pairs])
        return self.base.moments([rows.show(number, view, self.side).pixels for number, view in pairs])

    def _errors(
        self, moments: Tensor, prompts: Sequence[str], generators: Sequence[torch.Generator], *, stays: bool
    ) -> Tensor:
        """Squared errors (N, C, h, w), each row with noise and a time of its own."""
        latents = self.base.latents(moments, generators)
        shape = latents.shape[1:]
        noise = torch.stack([torch.randn(shape, generator=each) for each in generators]).to(latents.device)
        times = self.base.times(generators)
        stays = stays or not self._trains_words
        conditions = self._encode_once(prompts) if stays else self.base.encode(prompts, self.side)
        return self.base.errors(latents, noise, times, conditions)

    @torch.no_grad()
    def _encode_once(self, prompts: Sequence[str]) -> Conditions:
        """Conditions of prompts that no training changes."""
        for prompt in prompts:
            found = self._known.pop(prompt) if prompt in self._known else self.base.encode([prompt], self.side)
            self._known[prompt] = found
        joined = Conditions.join([self._known[prompt] for prompt in prompts])
        for prompt in list(self._known)[:-PROMPTS_KEPT]:
            del self._known[prompt]
        return joined


@final
class _Named(nn.Module):
    """Weights that belong to another network, under their own names with slashes for dots."""

    def __init__(self, weights: dict[str, nn.Parameter]) -> None:
        super().__init__()
        for name, weight in weights.items():
            self.register_parameter(name.replace(".", "/"), weight)
