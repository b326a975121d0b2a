"""Pictures as latents, encoded once: the diffusion models learn from files that lie beside the rendered sets."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray

from actors.micro.diffusion.autoencoder import to_input
from actors.micro.first_process import wait_for
from engine.rows.values import Pixels
from engine.seeds import rng

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

Latents = NDArray[np.float16]
"""Nx4xSxS means of the posterior; every channel has mean 0 and standard deviation 1 over the training pictures."""

KEEP, REPAINT = 0, 255
RECTANGLES = 0.2  # share of pictures whose mask is a random rectangle and not the objects' surroundings
_BATCH = 16


@final
@dataclass(frozen=True, slots=True)
class LatentFiles:
    """Latents in files beside the rendered sets.

    Attributes:
        folder: that of the sets.
        writes: whether this process makes files that are missing, or waits for the one that does.
    """

    folder: Path
    writes: bool

    def open(self, name: str, count: int, make: Callable[[slice], Latents]) -> Latents:
        """The memory map of a file, which is made where it is missing.

        Args:
            name: of a .npy file in the folder; it must say all that the content depends on.
            count: rows.
            make: rows of a slice.

        Raises:
            EnvironmentProblem: LATENTS_MISSING where the process that writes did not within an hour.
        """
        path = self.folder / name
        if self.writes and not path.is_file():
            unfinished = path.with_name(f"_tmp-{path.name}")
            rows = [make(slice(start, min(start + _BATCH, count))) for start in range(0, count, _BATCH)]
            np.save(unfinished, np.concatenate(rows))
            os.replace(unfinished, path)  # noqa: PTH105 - one call, atomic on every platform
        wait_for(path)
        return cast("Latents", np.load(path, mmap_mode="r"))


@torch.inference_mode()
def encode(vae: AutoencoderKL, pictures: Pixels, device: torch.device) -> Latents:
    """Nx256x256x3 uint8 to latents, in bfloat16: its error is a tenth of the autoencoder's own."""
    net: Any = vae
    with torch.autocast(device.type, torch.bfloat16):
        means = net.encode(to_input(pictures, device)).latent_dist.mean
    return cast("Latents", means.float().cpu().numpy().astype(np.float16))


def halve_side(pictures: Pixels, side: int) -> Pixels:
    """NxHxHx3 with half the side, as often as it takes to reach `side`: every pixel the mean of four."""
    found = np.asarray(pictures)
    while found.shape[1] > side:
        height = found.shape[1] // 2
        fours = found.reshape(len(found), height, 2, height, 2, 3)
        found = np.rint(fours.mean((2, 4), dtype=np.float32)).astype(np.uint8)
    return found


def repaint_masks(masks: Pixels, first: int, seed: int) -> Pixels:
    """What is repainted of each picture, NxHxW of 0 and 255, from the objects' alpha.

    A mask depends on the picture's number `first` + n and the seed alone. Mostly all but the objects, their edge moved
    by up to 2 px, since cut-outs end a little inside or outside of the truth; now and then a rectangle.
    """
    return np.stack([_repaint_mask(mask, rng(seed, "repaint", str(first + row))) for row, mask in enumerate(masks)])


def _repaint_mask(alpha: Pixels, draw: np.random.Generator) -> Pixels:
    import cv2

    if draw.random() < RECTANGLES:
        side = alpha.shape[0]
        height, width = (int(size) for size in draw.integers(side // 4, side * 3 // 4, 2))
        top, left = int(draw.integers(side - height)), int(draw.integers(side - width))
        mask = np.full_like(alpha, KEEP)
        mask[top : top + height, left : left + width] = REPAINT
        return mask
    move = int(draw.integers(-2, 3))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(move) + 1, 2 * abs(move) + 1))
    objects = np.where(alpha >= 128, REPAINT, KEEP).astype(np.uint8)
    moved = cv2.dilate(objects, disc) if move > 0 else cv2.erode(objects, disc)
    return np.asarray(255 - moved, np.uint8)


def empty_masked(pictures: Pixels, masks: Pixels) -> Pixels:
    """Pictures whose repainted part is mid-grey, which is 0 for the network: what the inpainting pipeline shows it."""
    return np.where(masks[..., None] == REPAINT, np.uint8(127), pictures)


def shrunk(masks: Pixels) -> NDArray[np.float32]:
    """Nx1x32x32 masks of 0 and 1, every eighth pixel: as the inpainting pipeline does."""
    return np.asarray(masks[:, None, ::8, ::8] == REPAINT, np.float32)
