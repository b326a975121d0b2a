"""The base generator: StableDiffusionXLPipeline at 256 px, text encoders and all, on latents that were encoded once."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from torch import Tensor, nn

from actors.backends.score.open_clip import OpenClip
from actors.micro.diffusion.autoencoder import find_autoencoder, load_autoencoder
from actors.micro.diffusion.denoising import SIZE, Denoising, Sample, new_scheduler, new_unet
from actors.micro.diffusion.latents import LatentFiles, Latents, encode, halve_side
from actors.micro.diffusion.text_encoders import corpus, new_encoders, new_tokenizer
from actors.micro.model_card import write_card
from actors.micro.spec import Measurement, PartFolders
from actors.micro.specs import GeneratorTraining
from actors.micro.studio_views import alone
from actors.models.provenance import fingerprint
from actors.models.quiet import quiet
from actors.models.weights import forbid_code, local_weights
from actors.score.scorers import ClipSpec
from actors.training.loop import TrainingTask, best_device, fit
from engine.rows.values import Pixels
from engine.seeds import derive, rng
from engine.toybox import CLASSES, SCENES
from engine.toybox.captions import full_caption, with_article
from engine.toybox.sets import ToySet, open_set
from engine.training.context import TrainContext

SETS = "photos", "groups"
ALONE = 1.0, 0.6  # share of toys without surroundings, at the beginning and at the end
CLOSE = 0.4  # share of the way before pictures with surroundings come in
PHOTOS_SHARE = 0.6  # of those: one toy, large
STYLES = "a photo of {}", "{}"
STEPS, GUIDANCE = 16, 5.0  # of the measurement
MEASURED, TARGET = 64, 0.80  # pictures at least, every class equally often
_BATCH = 8


def train_part(spec: GeneratorTraining, context: TrainContext, folders: PartFolders) -> None:
    """Train UNet and text encoders; save as the pipeline does, in fp16.

    Raises:
        UsageError: TRAINING_DIVERGED.
        EnvironmentProblem: MICRO_PART_MISSING without an autoencoder, LATENTS_MISSING.
    """
    torch.set_num_threads(context.threads)
    torch.manual_seed(derive(spec.seed, spec.name))
    device = best_device()
    sets = [open_set(folders.data, name) for name in SETS]
    home = find_autoencoder(folders.family)
    vae = load_autoencoder(home, device)
    files = LatentFiles(folders.data, writes=context.rank == 0)
    small, large = (_Views.of(files, sets, vae, home, side) for side in (SIZE // 2, SIZE))
    with tempfile.TemporaryDirectory(prefix="mc-tokenizer-") as scratch:
        tokenizer = new_tokenizer(Path(scratch), corpus(sets, spec.seed))
    first, second = new_encoders(tokenizer)
    unet = cast("nn.Module", new_unet(spec.widths, 4))
    net = nn.ModuleDict({"unet": unet, "text_encoder": first, "text_encoder_2": second})
    denoising = Denoising(net, tokenizer, device, texts=True)
    fit(_Generation(spec, sets, small, large, denoising), spec.schedule, context, device=device)
    if context.rank == 0:
        save_pipeline(net, vae, tokenizer, folders.part)


def evaluate(spec: GeneratorTraining, family: Path, data: Path, seed: int) -> list[Measurement]:
    """Share of pictures whose class the family's scorer finds among all classes: toys alone, and in a scene."""
    del data
    pipe = load_generator(family / spec.name)
    rounds = -(-MEASURED // len(CLASSES))
    wanted = np.tile(np.arange(len(CLASSES)), rounds)
    toys = [with_article(CLASSES[number]) for number in wanted]
    bare = [STYLES[turn // len(CLASSES) % 2].format(toy) for turn, toy in enumerate(toys)]
    placed = [full_caption([CLASSES[number]], SCENES[turn % len(SCENES)][1]) for turn, number in enumerate(wanted)]
    seeds = [derive(seed, spec.name, str(number)) for number in range(len(toys))]
    names = [STYLES[0].format(with_article(name)) for name in CLASSES]
    found = [recognise(family, generate(pipe, prompts, seeds), names) for prompts in (bare, placed)]
    shares = [float(np.mean(one == wanted)) for one in found]
    return [
        Measurement(spec.name, "class_in_prompt", shares[0], TARGET),
        Measurement(spec.name, "class_in_prompt_with_scene", shares[1]),  # for comparison: nothing rests on it
    ]


@final
@dataclass(frozen=True, slots=True)
class _Views:
    """Latents of one side: toys alone, and the pictures of both sets."""

    toys: Latents
    pictures: list[Latents]

    @classmethod
    def of(cls, files: LatentFiles, sets: list[ToySet], vae: Any, home: Path, side: int) -> _Views:
        pictures = [
            encode_set(files, name, found, vae, home, side=side) for name, found in zip(SETS, sets, strict=True)
        ]
        return cls(encode_toys(files, sets[0], vae, home, side), pictures)


@final
class _Generation(TrainingTask):
    """Latents under captions: small before large ones, toys without surroundings before pictures with them.

    A picture of half the side costs a quarter, and classes need many pictures: 130,000 that all had surroundings taught
    scenes and no class, since what surrounds a toy says more about a picture's values than the toy. A caption without
    a scene belongs to toys alone. The change of size comes while the rate is high: at a tenth of it, 1,000 steps were
    not enough to draw in the new size, and half of the classes were not recognised.
    """

    def __init__(
        self, spec: GeneratorTraining, sets: list[ToySet], small: _Views, large: _Views, denoising: Denoising
    ) -> None:
        self.spec, self.sets, self.small, self.large, self.denoising = spec, sets, small, large, denoising
        self.net, self.seed = denoising.net, spec.seed

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        draw = rng(self.spec.seed, self.spec.name, f"{step}/{rank}")
        progress = step / self.spec.schedule.steps
        views, count = (
            (self.small, self.spec.first_batch) if progress < self.spec.first else (self.large, self.spec.batch)
        )
        share = ALONE[0] + (ALONE[1] - ALONE[0]) * max((progress - CLOSE) / (1 - CLOSE), 0.0)
        samples = [
            self._toy_sample(views, draw) if draw.random() < share else self._scene_sample(views, draw)
            for _ in range(count)
        ]
        return self.denoising.loss(samples, draw), {}

    def _toy_sample(self, views: _Views, draw: np.random.Generator) -> Sample:
        index = int(draw.integers(len(views.toys)))
        known = self.sets[0].descriptions(index) if draw.random() < 0.5 else self.sets[0].class_names(index)
        caption = str(draw.choice(STYLES)).format(with_article(known[0]))
        return _sample(views.toys[index], caption)

    def _scene_sample(self, views: _Views, draw: np.random.Generator) -> Sample:
        kind = int(draw.random() >= PHOTOS_SHARE)
        found = self.sets[kind]
        index = int(draw.integers(len(found)))
        caption = found.caption(index, draw)
        return _sample(
            views.pictures[kind][index], caption if found.phrase(index) in caption else found.full_caption(index)
        )


def _sample(latents: Latents, caption: str) -> Sample:
    return Sample(latents=latents, seen=latents[:0], caption=caption)


def encode_set(files: LatentFiles, name: str, found: ToySet, vae: Any, home: Path, *, side: int = SIZE) -> Latents:
    """Nx4x(side/8)x(side/8) of a whole set, from the file beside it where the same autoencoder encoded it before."""
    path = f"{name}/latents{side}-{fingerprint(home).removeprefix('blake2b:')}-{len(found)}.npy"
    return files.open(path, len(found), lambda rows: encode(vae, halve_side(found.images[rows], side), best_device()))


def encode_toys(files: LatentFiles, found: ToySet, vae: Any, home: Path, side: int) -> Latents:
    """Nx4x(side/8)x(side/8) of every photo's toy without its surroundings, from the file beside the photos likewise."""
    path = f"{SETS[0]}/alone{side}-{fingerprint(home).removeprefix('blake2b:')}-{len(found)}.npy"

    def make(rows: slice) -> Latents:
        draws = ((index, rng(found.seed, "alone", f"{index}/{side}")) for index in range(rows.start, rows.stop))
        return encode(vae, np.stack([alone(found, index, side, draw)[0] for index, draw in draws]), best_device())

    return files.open(path, len(found), make)


def save_pipeline(net: nn.ModuleDict, vae: Any, tokenizer: Any, folder: Path) -> None:
    """Write a text-to-image pipeline in fp16 and its card."""
    quiet()
    from diffusers import StableDiffusionXLPipeline

    vae.register_to_config(_name_or_path="")  # it names the folder that it was read from
    pipe = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=net["text_encoder"],
        text_encoder_2=net["text_encoder_2"],
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=net["unet"],
        scheduler=new_scheduler(),
        add_watermarker=False,
    )
    pipe.to(dtype=torch.float16).save_pretrained(folder, safe_serialization=True)
    text = "StableDiffusionXLPipeline, 256 px, v-prediction with zero terminal SNR. Trained on Toybox pictures alone."
    write_card(folder, "Micro generator", text)


def load_generator(folder: Path) -> Any:
    """The pipeline in float32 on the best device, checked like every model.

    Raises:
        UsageError, EnvironmentProblem: those of `actors.models.weights.local_weights`.
    """
    forbid_code()
    quiet()
    from diffusers import StableDiffusionXLPipeline

    pipe = StableDiffusionXLPipeline.from_pretrained(
        local_weights(str(folder)),
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        add_watermarker=False,
    ).to(best_device())
    pipe.set_progress_bar_config(disable=True)
    return pipe


@torch.inference_mode()
def generate(pipe: Any, prompts: list[str], seeds: list[int], side: int = SIZE) -> list[Pixels]:
    """One `side` x `side` x 3 picture for each prompt; noise from its own seed."""
    made: list[Pixels] = []
    for start in range(0, len(prompts), _BATCH):
        rows = slice(start, start + _BATCH)
        pictures = pipe(
            prompts[rows],
            height=side,
            width=side,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds[rows]],
            output_type="np",
        ).images
        made += list(np.rint(pictures * 255).astype(np.uint8))
    return made


def recognise(folder: Path, pictures: list[Pixels], texts: list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """For each picture the number of the text that the family's scorer finds nearest."""
    scorer = OpenClip(ClipSpec(model=str(folder / "scorer")))
    return np.asarray(np.argmax(scorer.embed_images(pictures) @ scorer.embed_texts(texts).T, axis=1), np.int64)
