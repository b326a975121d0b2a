"""The base generator: StableDiffusionXLPipeline at 256 px, text encoders and all, on latents that were encoded once."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar, cast, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from actors.backends.open_clip import OpenClip
from actors.finetune.loop import Task, best_device, fit
from actors.micro.autoencoder import find_autoencoder, load_autoencoder
from actors.micro.cards import quiet, write_card
from actors.micro.diffusion import SIZE, Denoising, Sample, new_scheduler, new_unet
from actors.micro.latents import Latents, cached, encode, halved
from actors.micro.text_encoders import corpus, new_encoders, new_tokenizer
from actors.score import ClipSpec
from actors.weights import fingerprint, forbid_code, local_weights
from engine.records import Pixels
from engine.seeds import derive, rng
from engine.toybox import CLASSES
from engine.toybox.captions import with_article
from engine.toybox.sets import ToySet, open_set
from engine.training import Course, Desk, Metric, Schedule

SETS = "photos", "scenes"
PHOTOS_SHARE = 0.7  # of a batch: one object, large
BARE_SHARE = 0.5  # of the small photos: captions of a class and nothing else
STEPS, GUIDANCE = 12, 3.0  # of the measurement
MEASURED, TARGET = 64, 0.80  # pictures at least, every class equally often
_BATCH = 8


@final
class Generator(Course):
    """StableDiffusionXLPipeline: SDXL UNet with 4 channels, two CLIP text encoders trained with it, v-prediction."""

    part: ClassVar[str] = "generator"
    needs: ClassVar[tuple[str, ...]] = ("autoencoder",)

    widths: tuple[int, ...] = Field(default=(48, 96, 128), description="channels at sides of 32, 16 and 8; x 16")
    batch: int = Field(default=32, ge=1, description="pictures a step")
    first: float = Field(default=0.7, ge=0, le=1, description="share of the steps on pictures of half the side")
    first_batch: int = Field(default=64, ge=1, description="pictures a step in these")
    schedule: Schedule = Schedule(steps=4500, lr=1e-3, warmup=100, ema=0.998)

    def train(self, desk: Desk) -> None:
        """Train UNet and text encoders; save ``out/generator`` as the pipeline does, in fp16.

        Raises:
            UsageError: TRAINING_DIVERGED.
            EnvironmentProblem: MICRO_PART_MISSING without an autoencoder, LATENTS_MISSING.
        """
        torch.set_num_threads(desk.threads)
        torch.manual_seed(derive(self.seed, self.part))
        device = best_device()
        sets = [open_set(desk.data, name) for name in SETS]
        home = find_autoencoder(desk.out)
        vae = load_autoencoder(home, device)
        small, large = (
            [encoded(desk, name, found, vae, home, side=side) for name, found in zip(SETS, sets, strict=True)]
            for side in (SIZE // 2, SIZE)
        )
        with tempfile.TemporaryDirectory(prefix="mc-tokenizer-") as scratch:
            tokenizer = new_tokenizer(Path(scratch), corpus(sets, self.seed))
        first, second = new_encoders(tokenizer)
        unet = cast("nn.Module", new_unet(self.widths, 4))
        net = nn.ModuleDict({"unet": unet, "text_encoder": first, "text_encoder_2": second})
        denoising = Denoising(net, tokenizer, device, texts=True)
        fit(_Generation(self, sets, small, large, denoising), self.schedule, desk, device=device)
        if desk.rank == 0:
            save_pipeline(net, vae, tokenizer, desk.out / self.part)

    def evaluate(self, folder: Path, data: Path, seed: int) -> list[Metric]:
        """Share of generated pictures whose class the family's scorer recognises among all classes."""
        del data
        pipe = load_generator(folder / self.part)
        rounds = -(-MEASURED // len(CLASSES))
        wanted = np.tile(np.arange(len(CLASSES)), rounds)
        styles = ("a photo of {}", "{}")
        prompts = [styles[turn // len(CLASSES) % 2].format(with_article(CLASSES[c])) for turn, c in enumerate(wanted)]
        pictures = generate(pipe, prompts, [derive(seed, self.part, str(number)) for number in range(len(prompts))])
        names = [f"a photo of {with_article(name)}" for name in CLASSES]
        found = recognised(folder, pictures, names)
        return [Metric(self.part, "class_in_prompt", float(np.mean(found == wanted)), TARGET)]


@final
class _Generation(Task):
    """Latents of both sets under random captions: small pictures first, with classes alone under half of the photos.

    A picture of half the side costs a quarter, and classes need many pictures: 42,000 of full size taught scenes and no
    class. Beside a scene, which says more about a picture, a class is learned late.
    """

    def __init__(
        self, spec: Generator, sets: list[ToySet], small: list[Latents], large: list[Latents], denoising: Denoising
    ) -> None:
        self.spec, self.sets, self.small, self.large, self.denoising = spec, sets, small, large, denoising
        self.net, self.seed = denoising.net, spec.seed

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        draw = rng(self.spec.seed, self.spec.part, f"{step}/{rank}")
        first = step < self.spec.first * self.spec.schedule.steps
        latents, count = (self.small, self.spec.first_batch) if first else (self.large, self.spec.batch)
        return self.denoising.loss([self._sample(latents, first, draw) for _ in range(count)], draw), {}

    def _sample(self, latents: list[Latents], first: bool, draw: np.random.Generator) -> Sample:
        kind = int(draw.random() >= PHOTOS_SHARE)
        index = int(draw.integers(len(latents[kind])))
        known, found = latents[kind][index], self.sets[kind]
        bare = first and kind == 0 and draw.random() < BARE_SHARE
        caption = f"a photo of {with_article(found.class_names(index)[0])}" if bare else found.caption(index, draw)
        return Sample(latents=known, seen=known[:0], caption=caption)


def encoded(desk: Desk, name: str, found: ToySet, vae: Any, home: Path, *, side: int = SIZE) -> Latents:
    """Nx4x(side/8)x(side/8) of a whole set, from the file beside it where the same autoencoder encoded it before."""
    path = desk.data / name / f"latents{side}-{fingerprint(home).removeprefix('blake2b:')}-{len(found)}.npy"
    return cached(desk, path, len(found), lambda rows: encode(vae, halved(found.images[rows], side), best_device()))


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
        UsageError, EnvironmentProblem: those of `actors.weights.local_weights`.
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
def generate(pipe: Any, prompts: list[str], seeds: list[int]) -> list[Pixels]:
    """One 256 x 256 x 3 picture for each prompt; noise from its own seed."""
    made: list[Pixels] = []
    for start in range(0, len(prompts), _BATCH):
        rows = slice(start, start + _BATCH)
        pictures = pipe(
            prompts[rows],
            height=SIZE,
            width=SIZE,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds[rows]],
            output_type="np",
        ).images
        made += list(np.rint(pictures * 255).astype(np.uint8))
    return made


def recognised(folder: Path, pictures: list[Pixels], texts: list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """For each picture the number of the text that the family's scorer finds nearest."""
    scorer = OpenClip(ClipSpec(model=str(folder / "scorer")))
    return np.asarray(np.argmax(scorer.embed_images(pictures) @ scorer.embed_texts(texts).T, axis=1), np.int64)
