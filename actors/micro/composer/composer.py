"""A base generator that can compose: several large toys at 128 px, each with the class that its own word says.

The generator goes on from its weights under three changes: words are read at the full resolution of the latents too;
the loss counts more inside of the toys; and since it is known where each toy stands, the attention to its words is
supervised by its mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from actors.micro.composer.binding import WordAttention, binding_loss
from actors.micro.composer.captions import NOBODY, CaptionReader, caption_pieces, toy_names
from actors.micro.composer.measures import draw_figures
from actors.micro.composer.net import new_net
from actors.micro.composer.pictures import MOST
from actors.micro.composer.pools import PicturePool, make_pool, open_pools, pools_folder
from actors.micro.composer.stock import NO_SCENE, SIDE, open_stock, prepare_stock
from actors.micro.diffusion.autoencoder import load_autoencoder
from actors.micro.diffusion.denoising import DROPPED, STEPS, new_scheduler
from actors.micro.diffusion.generator import load_generator, save_pipeline
from actors.micro.diffusion.text_encoders import NEGATIVE, read_prompts
from actors.micro.model_card import write_card
from actors.micro.spec import Measurement, PartFolders
from actors.micro.specs import ComposerTraining
from actors.training.attention import short_attention
from actors.training.loop import TrainingTask, best_device, fit
from engine.seeds import derive, rng
from engine.toybox import SCENES
from engine.toybox.concepts import ToyConcept
from engine.training.context import TrainContext

TARGETS = {"class_in_scene": 0.85, "two_classes": 0.60, "three_classes": 0.35, "scene": 0.90}
LOOK_AGAIN = 200  # steps after which pools that came in meanwhile are read


def train_part(spec: ComposerTraining, context: TrainContext, folders: PartFolders) -> None:
    """Train on from the family's generator; save as its pipeline does, in fp16. Stock and pools are made if missing.

    Raises:
        UsageError: TRAINING_DIVERGED, WEIGHTS_MISMATCH.
        EnvironmentProblem: those of `actors.models.weights.local_weights`; LATENTS_MISSING.
    """
    torch.set_num_threads(context.threads)
    torch.manual_seed(derive(spec.seed, spec.name))
    device, writes = best_device(), context.rank == 0
    pipe = load_generator(folders.family / "generator")
    home = folders.family / "composer_autoencoder"
    vae: Any = load_autoencoder(home, device)
    stock = prepare_stock(
        folders.data, seed=spec.data_seed, concepts=spec.concepts, places=spec.places, processes=context.threads,
        writes=writes,
    )  # fmt: skip
    pools = pools_folder(stock, home)
    for number in range(spec.pools):
        make_pool(pools, vae, number, count=spec.pool_size, seed=spec.data_seed, writes=writes)
    net = new_net(pipe, vae.config.latent_channels, full_attention=spec.full_attention)
    fit(ComposerTask(spec, pools, net, pipe.tokenizer, device), spec.schedule, context, device=device)
    if writes:
        save_pipeline(net, vae, pipe.tokenizer, folders.part)
        text = (
            f"StableDiffusionXLPipeline, 128 px, {vae.config.latent_channels} latent channels, v-prediction with zero "
            "terminal SNR. It composes one to four large toys, best named from left to right. "
            "Trained on Toybox pictures alone."
        )
        write_card(folders.part, "Micro composer", text)


def evaluate(spec: ComposerTraining, family: Path, data: Path, seed: int) -> list[Measurement]:
    """Shares of drawn pictures in which the family's scorer and detector find what a held-out prompt named.

    Held out are pairs of classes that training never shows together, and scenes in which it never shows a class; the
    toys are named in any order.
    """
    del data
    found = draw_figures(load_generator(family / spec.name), family, seed)
    return [Measurement(spec.name, metric, value, TARGETS.get(metric)) for metric, value in found.items()]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionedLatents:
    """A training picture in words.

    Attributes:
        latents: f16 Cx16x16.
        masks: f32 4x16x16, the toys' shares of the cells, 0..1.
        tokens: i64, 40.
        owners: f32 4x40, whose the tokens are.
    """

    latents: NDArray[np.float16]
    masks: NDArray[np.float32]
    tokens: NDArray[np.int64]
    owners: NDArray[np.float32]


@final
class ComposerTask(TrainingTask):
    """Draws pictures from the pools, tells them in words, and learns v and whose words are read where.

    Pools that are finished while it runs are read from then on, so a resume may draw other pictures than before.

    Captions name toys from left to right in most pictures: which word means which blob is then no coin toss where all
    is noise.
    """

    def __init__(
        self, spec: ComposerTraining, pools: Path, net: nn.ModuleDict, tokenizer: Any, device: torch.device
    ) -> None:
        self.spec, self.home, self.seed, self.device = spec, pools, spec.seed, device
        self.net, self.modules = net, net
        self.reader, self.attention = CaptionReader(tokenizer), WordAttention(net["unet"])
        self.silent = [self.reader.read([(text, NOBODY)], MOST) for text in (NEGATIVE, "")]
        scheduler: Any = new_scheduler()
        self.signal = scheduler.alphas_cumprod.clamp(min=0).to(device)
        self.pools: list[PicturePool] = []
        self.stock = open_stock(pools.parent)
        self._toys: dict[int, ToyConcept] = {}

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        """Over `batch` pictures; logs the parts, and the share of the toys' cells where the right words are read."""
        if step % LOOK_AGAIN == 0 or not self.pools:
            self.pools = open_pools(self.home)
        draw = rng(self.spec.seed, self.spec.name, f"{step}/{rank}")
        return self.loss_of([self.sample(draw) for _ in range(self.spec.batch)], draw)

    def sample(self, draw: np.random.Generator) -> CaptionedLatents:
        """A random picture of a random pool under a caption of its own."""
        pool = self.pools[int(draw.integers(len(self.pools)))]
        row = int(draw.integers(len(pool)))
        numbers = [int(number) for number in pool.concepts[row] if number >= 0]
        order = np.arange(len(numbers)) if draw.random() < self.spec.ordered else draw.permutation(len(numbers))
        names = toy_names([self._toy(number) for number in numbers], draw)
        place = int(pool.scenes[row])
        phrase = "" if place == NO_SCENE else SCENES[place][1]
        read = self.reader.read(caption_pieces([(names[turn], int(turn)) for turn in order], phrase, draw), MOST)
        masks = pool.masks[row].astype(np.float32) / np.float32(255)
        return CaptionedLatents(latents=pool.latents[row], masks=masks, tokens=read.tokens, owners=read.owners)

    def _toy(self, number: int) -> ToyConcept:
        if number not in self._toys:
            self._toys[number] = self.stock.concept(number)
        return self._toys[number]

    def loss_of(
        self, samples: Sequence[CaptionedLatents], draw: np.random.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Squared error of v, which weighs more inside of toys, and the binding of words to their places."""
        count = len(samples)
        clean = self._tensor(np.stack([sample.latents for sample in samples]))
        masks = self._tensor(np.stack([sample.masks for sample in samples]))
        noise = self._tensor(draw.standard_normal(clean.shape, np.float32))
        times = (np.arange(count) + draw.random(count)) * STEPS / count  # one of each stretch: the loss varies less
        steps = torch.from_numpy(times.astype(np.int64)).to(self.device)
        alpha = self.signal[steps].sqrt().view(-1, 1, 1, 1)
        sigma = (1 - self.signal[steps]).sqrt().view(-1, 1, 1, 1)
        states, pooled, owners = self._conditions(samples, draw)
        sizes = torch.tensor([[SIDE, SIDE, 0, 0, SIDE, SIDE]], dtype=torch.float32, device=self.device)
        with short_attention(self.device), self.attention.record() as record:
            guess = self.modules["unet"](
                alpha * clean + sigma * noise,
                steps,
                encoder_hidden_states=states,
                added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes.expand(count, -1)},
            ).sample
        with torch.autocast(self.device.type, enabled=False):
            error = functional.mse_loss(guess.float(), alpha * noise - sigma * clean, reduction="none")
            weight = 1 + (self.spec.inside - 1) * masks.sum(1, keepdim=True).clamp(max=1)
            denoising = (error * weight).sum() / (weight.sum() * error.shape[1])
            binding, bound = binding_loss(record, masks, owners)
        values = {"denoising": denoising.item(), "binding": binding.item(), "bound": bound}
        return denoising + self.spec.binding * binding, values

    def _conditions(
        self, samples: Sequence[CaptionedLatents], draw: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """States, pooled texts, whose tokens; a tenth says nothing, in the three ways in which pipelines say it."""
        chances = draw.random(len(samples)) / DROPPED * 3
        silent = dict(enumerate(self.silent, 1))
        told = [silent.get(int(chance), sample) for chance, sample in zip(chances, samples, strict=True)]
        tokens = torch.from_numpy(np.stack([one.tokens for one in told])).to(self.device)
        with short_attention(self.device):
            states, pooled = read_prompts(self.modules["text_encoder"], self.modules["text_encoder_2"], tokens)
        kept = self._tensor((chances >= 1).astype(np.float32))  # zeros are the pipelines' answer to no negative prompt
        owners = self._tensor(np.stack([one.owners for one in told])) * kept.view(-1, 1, 1)
        return states * kept.view(-1, 1, 1), pooled * kept.view(-1, 1), owners

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)
