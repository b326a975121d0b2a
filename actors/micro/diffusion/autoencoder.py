"""The autoencoder that painter and generator share: 256 px pictures to 32x32 latents of 4 channels and back.

Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022, without their adversarial and
perceptual losses. It is fully convolutional and has no attention, so that it learns from crops.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from actors.micro.model_card import write_card
from actors.micro.spec import Measurement, PartFolders
from actors.micro.specs import AutoencoderTraining
from actors.models.quiet import quiet
from actors.models.weights import local_weights
from actors.training.loop import TrainingTask, best_device, fit
from engine.errors import EnvironmentProblem
from engine.rows.values import Pixels
from engine.seeds import rng
from engine.toybox.sets import ToySet, open_set
from engine.training.context import TrainContext

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

FACTOR, LATENT_CHANNELS = 8, 4
TARGET_PSNR = 26.0  # dB
MEASURED = 256  # pictures, half of them of one object
PYRAMID = (2, 4, 8)  # coarser copies on which the loss is taken too: large shapes and hues settle first
SAMPLE = 512  # pictures over which latents are brought to mean 0 and standard deviation 1


def train_part(spec: AutoencoderTraining, context: TrainContext, folders: PartFolders) -> None:
    """Train on crops of both sets; save as `AutoencoderKL` does, in fp16."""
    sets = [open_set(folders.data, name) for name in ("photos", "groups")]
    device = best_device()
    vae = new_autoencoder(spec)
    fit(_Reconstruction(spec, vae, sets, device), spec.schedule, context, device=device)
    if context.rank == 0:
        standardise(vae, _sample(sets, spec.seed), device)
        save_autoencoder(vae, folders.part)


def evaluate(spec: AutoencoderTraining, family: Path, data: Path, seed: int) -> list[Measurement]:
    """Mean PSNR of test pictures of one object and of several, half each, as 8-bit images."""
    del seed  # nothing is drawn: the first pictures of both test sets
    sets = [open_set(data, name) for name in ("photos_test", "groups_test")]
    pictures = np.concatenate([found.images[: MEASURED // 2] for found in sets])
    device = best_device()
    vae = load_autoencoder(find_autoencoder(family), device)
    values = [psnr(one, other) for one, other in zip(pictures, round_trip(vae, pictures, device), strict=True)]
    return [Measurement(spec.name, "psnr", float(np.mean(values)), TARGET_PSNR)]


def new_autoencoder(spec: AutoencoderTraining) -> AutoencoderKL:
    """An untrained autoencoder whose signal neither fades nor grows on its way.

    Convolutions start at variance 1 / fan-in without biases: the library's own beginning left the loss on a plateau.
    """
    from diffusers import AutoencoderKL

    torch.manual_seed(spec.seed)
    levels = len(spec.widths)
    vae = AutoencoderKL(
        block_out_channels=spec.widths,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=spec.layers,
        norm_num_groups=spec.groups,
        latent_channels=LATENT_CHANNELS,
        mid_block_add_attention=False,
        sample_size=256,
        scaling_factor=1.0,
    )
    for module in vae.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            nn.init.normal_(module.weight, std=1 / math.sqrt(fan_in))
            nn.init.zeros_(cast("Tensor", module.bias))
    return cast("AutoencoderKL", vae)


@final
class _Reconstruction(TrainingTask):
    """Crops through the autoencoder: L1 at four scales, squared error, and a little of the divergence."""

    def __init__(self, spec: AutoencoderTraining, vae: AutoencoderKL, sets: list[ToySet], device: torch.device) -> None:
        self.spec, self.vae, self.sets, self.device = spec, vae, sets, device
        self.net, self.seed = cast("nn.Module", vae), spec.seed

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        """Over `batch` crops; logs the PSNR of the batch in dB."""
        draw = rng(self.spec.seed, self.spec.name, f"{step}/{rank}")
        crops = np.stack([random_crop(draw, self.sets, self.spec.crop) for _ in range(self.spec.batch)])
        truth = to_input(crops, self.device)
        vae: Any = self.vae
        posterior = vae.encode(truth).latent_dist
        guess = vae.decode(posterior.sample()).sample.float()
        squares = functional.mse_loss(guess, truth)
        divergence = posterior.kl().float().mean() / posterior.mean[0].numel()
        loss = pyramid_l1(guess, truth) + self.spec.squares * squares + self.spec.kl * divergence
        with torch.no_grad():  # values span 2
            return loss, {"psnr": 10 * math.log10(4 / max(squares.item(), 1e-10)), "kl": divergence.item()}


def random_crop(draw: np.random.Generator, sets: list[ToySet], side: int) -> Pixels:
    """A `side` x `side` x 3 piece of a random picture of a random set, mirrored half of the time."""
    images = sets[int(draw.integers(len(sets)))].images
    height, width = images.shape[1:3]
    index, top, left = (int(draw.integers(most)) for most in (len(images), height - side + 1, width - side + 1))
    crop = images[index, top : top + side, left : left + side]
    return crop[:, ::-1] if draw.random() < 0.5 else crop


def pyramid_l1(guess: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of Nx3xHxW pictures, plus half of it on copies shrunk by 2, 4 and 8."""
    error = guess - truth
    coarse = [functional.avg_pool2d(error, factor).abs().mean() for factor in PYRAMID]
    return error.abs().mean() + 0.5 * torch.stack(coarse).sum()


def to_input(pictures: Pixels, device: torch.device) -> Tensor:
    """NxHxWx3 uint8 to Nx3xHxW float32 in -1..1."""
    values = torch.from_numpy(np.array(pictures)).to(device).permute(0, 3, 1, 2)
    return (values.float() / 127.5 - 1).contiguous()


def to_pictures(values: Tensor) -> Pixels:
    """Nx3xHxW in -1..1 to NxHxWx3 uint8."""
    scaled = (values.float().clamp(-1, 1) + 1) * 127.5
    return cast("Pixels", scaled.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())


@torch.no_grad()
def standardise(vae: AutoencoderKL, pictures: Pixels, device: torch.device) -> None:
    """Give latents mean 0 and standard deviation 1 in every channel, by the 1x1 convolutions on both of their sides.

    SDXL stores one scaling factor for this. A shift and a factor for each channel cost nothing in the weights, leave
    the reconstruction as it is, and the stored factor at 1.
    """
    net: Any = vae
    values = [net.encode(to_input(part, device)).latent_dist.mean.float() for part in _batches(pictures)]
    latents = torch.cat([value.cpu() for value in values]).double()
    mean = latents.mean((0, 2, 3)).to(device).float()
    std = latents.std((0, 2, 3)).clamp_min(1e-6).to(device).float()
    before, after = net.quant_conv, net.post_quant_conv
    after.bias += (after.weight[:, :, 0, 0] * mean).sum(1)
    after.weight *= std[None, :, None, None]
    count = len(mean)
    before.weight[:count] /= std[:, None, None, None]
    before.bias[:count] = (before.bias[:count] - mean) / std
    before.bias[count:] -= 2 * std.log()  # the second half is the logarithm of the variance


def save_autoencoder(vae: AutoencoderKL, folder: Path) -> None:
    """Write config.json, the weights in fp16 and a card; what lies in `folder` under these names is replaced."""
    quiet()
    net: Any = vae
    net.to(torch.float16).save_pretrained(folder, safe_serialization=True)
    write_card(
        folder,
        "Micro autoencoder",
        "AutoencoderKL, factor 8, 4 latent channels, 256 px. Trained from random weights on Toybox pictures alone.",
    )


def find_autoencoder(folder: Path) -> Path:
    """The autoencoder in a family's folder: by itself, or within a part that uses it.

    Raises:
        EnvironmentProblem: MICRO_PART_MISSING.
    """
    for home in AutoencoderTraining.homes:
        if (folder / home / "config.json").is_file():
            return folder / home
    raise EnvironmentProblem(
        "MICRO_PART_MISSING",
        "the autoencoder has not been trained yet",
        where=str(folder),
        fix="mycanvas micro train --parts autoencoder",
    )


def load_autoencoder(folder: Path, device: torch.device) -> AutoencoderKL:
    """In float32 and evaluation mode, without gradients.

    Raises:
        EnvironmentProblem: those of `actors.models.weights.local_weights`.
    """
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(local_weights(str(folder)), torch_dtype=torch.float32, use_safetensors=True)
    return cast("AutoencoderKL", vae.to(device).eval().requires_grad_(False))


def psnr(one: Pixels, other: Pixels) -> float:
    """Of two 8-bit pictures, in dB; 100 where they are equal."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return 10 * math.log10(255**2 / error) if error else 100.0


@torch.inference_mode()
def round_trip(vae: AutoencoderKL, pictures: Pixels, device: torch.device) -> Pixels:
    """NxHxWx3 pictures, encoded as the most likely latents and decoded again; H and W are multiples of 8."""
    net: Any = vae
    made = []
    for part in _batches(pictures):
        latents = net.encode(to_input(part, device)).latent_dist.mode()
        made.append(to_pictures(net.decode(latents).sample))
    return np.concatenate(made)


def _batches(pictures: Pixels, size: int = 16) -> Iterator[Pixels]:
    return (pictures[start : start + size] for start in range(0, len(pictures), size))


def _sample(sets: list[ToySet], seed: int) -> NDArray[np.uint8]:
    draw = rng(seed, AutoencoderTraining.name, "sample")
    rows = [
        np.sort(draw.choice(len(found.images), min(SAMPLE // len(sets), len(found.images)), replace=False))
        for found in sets
    ]
    return np.concatenate([found.images[index] for found, index in zip(sets, rows, strict=True)])
