"""The composer's own autoencoder: the family's, with more channels and trained on at 128 px.

At 128 px the family's autoencoder blurs what a toy of a third of the side is known by: of the Toybox's own pictures
with two toys, only 48 % kept both recognisable through it, with three 10 %. No generator on top of it can do better.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from actors.backends.score.dino import Dino
from actors.micro.composer.measures import true_figures
from actors.micro.composer.pictures import compose
from actors.micro.composer.stock import ToyStock, open_stock, prepare_stock
from actors.micro.composer.widening import widen_latents
from actors.micro.diffusion.autoencoder import (
    find_autoencoder,
    load_autoencoder,
    pyramid_l1,
    save_autoencoder,
    standardise,
    to_input,
)
from actors.micro.identity.identity import MEAN, SPREAD
from actors.micro.model_card import write_card
from actors.micro.spec import Measurement, PartFolders
from actors.micro.specs import ComposerAutoencoderTraining
from actors.training.loop import TrainingTask, best_device, fit
from engine.rows.values import Pixels
from engine.seeds import derive, rng
from engine.training.context import TrainContext

SAMPLE = 256  # pictures over which latents are brought to mean 0 and standard deviation 1
LAYERS = 2, 4, 6  # of the identity net, whose features are compared
TEST_CONCEPTS, TEST_PLACES = 128, 8  # of the stock that is measured on, at most


def train_part(spec: ComposerAutoencoderTraining, context: TrainContext, folders: PartFolders) -> None:
    """Train on from the family's autoencoder; save as `AutoencoderKL` does, in fp16. The stock is made if missing.

    Raises:
        UsageError: TRAINING_DIVERGED.
        EnvironmentProblem: MICRO_PART_MISSING without an autoencoder, WEIGHTS_MISSING, LATENTS_MISSING, and those of
            `actors.models.weights.local_weights`.
    """
    device, writes = best_device(), context.rank == 0
    stock = open_stock(
        prepare_stock(
            folders.data, seed=spec.data_seed, concepts=spec.concepts, places=spec.places, processes=context.threads,
            writes=writes,
        )
    )  # fmt: skip
    torch.manual_seed(derive(spec.seed, spec.name))
    sample = np.zeros((0, 0, 0, 3), np.uint8) if spec.decoder_alone else _sample(stock, spec)
    vae = _decoder(folders.family / spec.name) if spec.decoder_alone else _wide(spec, folders.family, sample)
    eyes = Dino(str(folders.family / "identity")).net.requires_grad_(False)
    fit(ComposerAutoencoderTask(spec, vae, eyes, stock, device), spec.schedule, context, device=device)
    if writes:
        if len(sample):
            standardise(vae, sample, device)
        save_autoencoder(vae, folders.part)
        text = f"AutoencoderKL, factor 8, {spec.channels} latent channels, 128 px. Trained on Toybox pictures alone."
        write_card(folders.part, "Micro composer's autoencoder", text)


def _sample(stock: ToyStock, spec: ComposerAutoencoderTraining) -> Pixels:
    draw = rng(spec.seed, spec.name, "sample")
    return np.stack([compose(stock, draw).image for _ in range(SAMPLE)])


def _wide(spec: ComposerAutoencoderTraining, family: Path, sample: Pixels) -> Any:
    """The family's autoencoder, with more channels."""
    return widen_latents(load_autoencoder(find_autoencoder(family), torch.device("cpu")), spec.channels, sample)


def _decoder(folder: Path) -> Any:
    """A finished autoencoder of which the decoder alone is trained: what draws its latents stays as good as it is."""
    vae: Any = load_autoencoder(folder, torch.device("cpu"))
    for part in (vae.decoder, vae.post_quant_conv):
        part.requires_grad_(requires_grad=True)
    return vae.train()


def evaluate(spec: ComposerAutoencoderTraining, family: Path, data: Path, seed: int) -> list[Measurement]:
    """What the family's scorer and detector still find in true pictures after a round trip, and the PSNR in dB.

    It is the ceiling of any generator that draws through this autoencoder, row by row under the composer's names. The
    pictures show toys and backdrops of a stock that no training saw, which is rendered where it is missing.
    """
    stock = prepare_stock(
        data,
        seed=spec.data_seed + 1,
        concepts=min(spec.concepts, TEST_CONCEPTS),
        places=min(spec.places, TEST_PLACES),
        processes=1,
    )
    vae = load_autoencoder(family / spec.name, best_device())
    found = true_figures(open_stock(stock), vae, family, seed)
    return [Measurement(spec.name, metric, value) for metric, value in found.items()]


@final
class ComposerAutoencoderTask(TrainingTask):
    """Composed pictures through the autoencoder; the error weighs more in toys, and by what the identity net sees."""

    def __init__(
        self, spec: ComposerAutoencoderTraining, vae: Any, eyes: Any, stock: ToyStock, device: torch.device
    ) -> None:
        self.spec, self.vae, self.eyes, self.stock, self.device = spec, vae, eyes.eval(), stock, device
        self.net, self.seed = cast("nn.Module", vae), spec.seed
        self._mean, self._spread = (torch.tensor(values).view(1, 3, 1, 1).to(device) for values in (MEAN, SPREAD))

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        """Over `batch` new pictures; logs the PSNR in dB, the difference of features and the divergence."""
        draw = rng(self.spec.seed, self.spec.name, f"{step}/{rank}")
        pictures = [compose(self.stock, draw) for _ in range(self.spec.batch)]
        truth = to_input(np.stack([one.image for one in pictures]), self.device)
        toys = np.stack([np.max(np.stack(one.layers), 0) for one in pictures])[:, None].astype(np.float32) / 255
        weight = 1 + (self.spec.inside - 1) * torch.from_numpy(toys).to(self.device)
        posterior = self.vae.encode(truth).latent_dist
        latents = posterior.mode() if self.spec.decoder_alone else posterior.sample()
        guess = self.vae.decode(latents).sample.float()
        seen = self.feature_difference(guess, truth)
        with torch.autocast(self.device.type, enabled=False):
            weight = weight / weight.mean()
            error = (guess - truth) * weight
            squares = ((guess - truth) ** 2 * weight).mean()
            divergence = posterior.kl().float().mean() / posterior.mean[0].numel()
            loss = pyramid_l1(error, torch.zeros_like(error)) + self.spec.squares * squares
            loss = loss + self.spec.features * seen + self.spec.kl * divergence
        plain = functional.mse_loss(guess.detach(), truth).item()  # values span 2
        return loss, {"psnr": 10 * math.log10(4 / max(plain, 1e-10)), "features": seen.item(), "kl": divergence.item()}

    def feature_difference(self, guess: Tensor, truth: Tensor) -> Tensor:
        """One minus the cosine of the identity net's features of both, Nx3xHxW in -1..1, patch by patch: 0..2."""
        side = self.eyes.config.image_size
        small = [functional.interpolate(one, (side, side), mode="bilinear", antialias=True) for one in (guess, truth)]
        views = [((one + 1) / 2 - self._mean) / self._spread for one in small]
        found = self.eyes(pixel_values=views[0], output_hidden_states=True).hidden_states
        with torch.no_grad():
            wanted = self.eyes(pixel_values=views[1], output_hidden_states=True).hidden_states
        each = [1 - functional.cosine_similarity(found[n].float(), wanted[n].float(), dim=-1).mean() for n in LAYERS]
        return torch.stack(each).mean()
