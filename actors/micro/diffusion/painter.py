"""The painter: StableDiffusionXLInpaintPipeline, grown out of the generator, repaints what lies around objects.

The UNet begins with the generator's weights; those of the five new input channels, mask and masked latents, begin at
zero, as in "Stable Diffusion inpainting" (Rombach et al. 2022, section 4.4).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from actors.backends.paint.sdxl import SdxlInpaint
from actors.compose.inpaint import Inpaint
from actors.compose.restore import restore
from actors.micro.diffusion.autoencoder import find_autoencoder, load_autoencoder
from actors.micro.diffusion.denoising import Denoising, Sample, new_scheduler, new_unet
from actors.micro.diffusion.generator import encode_set, load_generator, recognise
from actors.micro.diffusion.latents import LatentFiles, Latents, empty_masked, encode, repaint_masks, shrunk
from actors.micro.model_card import write_card
from actors.micro.spec import Measurement, PartFolders
from actors.micro.specs import PainterTraining
from actors.models.provenance import fingerprint
from actors.models.quiet import quiet
from actors.training.loop import TrainingTask, best_device, fit
from engine.errors import SampleError
from engine.rows.composition import Composition
from engine.rows.values import Pixels
from engine.seeds import derive, rng, sample_id
from engine.toybox import SCENES
from engine.toybox.sets import ToySet, open_set
from engine.training.context import TrainContext

SET = "groups"
SCENE_ONLY = 0.5  # share of prompts that are the recipe's, which say nothing of the objects
MEASURED, TARGET = 64, 0.80
STEPS, GUIDANCE = 10, 3.0  # of the measurement
_BATCH = 8


def train_part(spec: PainterTraining, context: TrainContext, folders: PartFolders) -> None:
    """Train the UNet; save as the pipeline does, in fp16.

    Raises:
        UsageError: TRAINING_DIVERGED.
        EnvironmentProblem: those of `actors.models.weights.local_weights`; LATENTS_MISSING.
    """
    torch.set_num_threads(context.threads)
    device = best_device()
    found = open_set(folders.data, SET)
    pipe = load_generator(folders.family / "generator")
    home = find_autoencoder(folders.family)
    vae = load_autoencoder(home, device)
    files = LatentFiles(folders.data, writes=context.rank == 0)
    latents = encode_set(files, SET, found, vae, home)
    seen = _masked_latents(spec, files, found, vae, home)
    net = nn.ModuleDict(
        {
            "unet": widen_inputs(pipe.unet),
            "text_encoder": pipe.text_encoder.requires_grad_(False),
            "text_encoder_2": pipe.text_encoder_2.requires_grad_(False),
        }
    )
    denoising = Denoising(net, pipe.tokenizer, device, texts=False)
    fit(_Repainting(spec, found, latents, seen, denoising), spec.schedule, context, device=device)
    if context.rank == 0:
        _save(net, pipe, folders.part)


def evaluate(spec: PainterTraining, family: Path, data: Path, seed: int) -> list[Measurement]:
    """Share of repaints in which the family's scorer recognises the scene of the prompt among all scenes.

    Objects of test pictures stand on test pictures of other scenes; the prompt names a third one.
    """
    rows, wanted = compositions(open_set(data, f"{SET}_test"), seed, MEASURED)
    inpaint = Inpaint(
        backend="sdxl", model=str(family / spec.name), steps=STEPS, guidance=GUIDANCE, strength=1.0
    )  # fmt: skip
    painter = SdxlInpaint(inpaint)
    painted = [item for start in range(0, MEASURED, _BATCH) for item in painter.paint(rows[start : start + _BATCH])]
    blank = np.zeros_like(cast("Pixels", rows[0].background))
    pictures = [
        restore(blank if isinstance(one, SampleError) else one, cast("Pixels", row.foreground))
        for one, row in zip(painted, rows, strict=True)
    ]
    nearest = recognise(family, pictures, [f"a photo {phrase}" for _, phrase in SCENES])
    return [Measurement(spec.name, "scene_in_prompt", float(np.mean(nearest == wanted)), TARGET)]


def widen_inputs(unet: Any) -> nn.Module:
    """A UNet of 9 input channels that answers as `unet` does whatever the five new ones hold."""
    wide = cast("Any", new_unet(unet.config.block_out_channels, 9))
    weights = unet.state_dict()
    first = weights["conv_in.weight"]
    weights["conv_in.weight"] = torch.cat([first, first.new_zeros(len(first), 5, *first.shape[2:])], 1)
    wide.load_state_dict(weights)
    return cast("nn.Module", wide.to(first.device))


@final
class _Repainting(TrainingTask):
    """Latents of composed pictures, seen where they are kept."""

    def __init__(
        self, spec: PainterTraining, found: ToySet, latents: Latents, seen: Latents, denoising: Denoising
    ) -> None:
        self.spec, self.found, self.latents, self.seen, self.denoising = spec, found, latents, seen, denoising
        self.net, self.seed = denoising.net, spec.seed

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        draw = rng(self.spec.seed, self.spec.name, f"{step}/{rank}")
        return self.denoising.loss([self._sample(draw) for _ in range(self.spec.batch)], draw), {}

    def _sample(self, draw: np.random.Generator) -> Sample:
        index = int(draw.integers(len(self.latents)))
        short = draw.random() < SCENE_ONLY
        caption = f"a realistic photo {self.found.phrase(index)}" if short else self.found.caption(index, draw)
        return Sample(latents=self.latents[index], seen=self.seen[index], caption=caption)


def _masked_latents(spec: PainterTraining, files: LatentFiles, found: ToySet, vae: Any, home: Path) -> Latents:
    """Nx5x32x32: the mask, then the latents of the picture without what is repainted. One mask for each picture."""

    def make(rows: slice) -> Latents:
        masks = repaint_masks(np.asarray(found.masks[rows]), rows.start, spec.seed)
        latents = encode(vae, empty_masked(np.asarray(found.images[rows]), masks), best_device())
        return np.concatenate([shrunk(masks).astype(np.float16), latents], 1)

    mark = fingerprint(home).removeprefix("blake2b:")
    return files.open(f"{SET}/masked-{mark}-{len(found)}-{spec.seed}.npy", len(found), make)


def _save(net: nn.ModuleDict, pipe: Any, folder: Path) -> None:
    quiet()
    from diffusers import StableDiffusionXLInpaintPipeline

    pipe.vae.register_to_config(_name_or_path="")  # it names the folder that it was read from
    parts = {name: getattr(pipe, name) for name in ("vae", "tokenizer", "tokenizer_2")}
    painter = StableDiffusionXLInpaintPipeline(
        **parts, **dict(net.items()), scheduler=new_scheduler(), add_watermarker=False
    )
    painter.to(dtype=torch.float16).save_pretrained(folder, safe_serialization=True)
    text = "StableDiffusionXLInpaintPipeline, 256 px, strength 1, about 10 steps. Trained on Toybox pictures alone."
    write_card(folder, "Micro painter", text)


def compositions(found: ToySet, seed: int, count: int) -> tuple[list[Composition], NDArray[np.int64]]:
    """Rows as `paste` leaves them, and the number of the scene that each row's prompt names.

    The objects of one picture stand on another picture of another scene, whose own objects show that it was repainted.
    """
    draw = rng(seed, PainterTraining.name, "compositions")
    rows, wanted = [], []
    for number in range(count):
        index = int(draw.integers(len(found)))
        others = np.flatnonzero(found.scenes != found.scenes[index])
        other = int(draw.choice(others)) if len(others) else index
        excluded = {int(found.scenes[index]), int(found.scenes[other])}
        target = int(draw.choice([scene for scene in range(len(SCENES)) if scene not in excluded]))
        mask = np.asarray(found.masks[index])
        rows.append(
            Composition(
                sample_id=sample_id(number),
                unit_id=0,
                seed=derive(seed, PainterTraining.name, number),
                background_prompt=SCENES[target][1],
                background=np.asarray(found.images[other]),
                foreground=np.dstack([found.images[index], mask]),
                repaint_mask=np.asarray(255 - mask, np.uint8),
            )
        )
        wanted.append(target)
    return rows, np.asarray(wanted, np.int64)
