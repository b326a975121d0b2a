"""Pools of composed pictures as training reads them: latents, the toys' masks and what is seen, as memory maps.

A pool is moved into its place whole, so a training may read while another process makes the next.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import cv2
import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from actors.micro.composer.pictures import MOST, ComposedPicture, compose
from actors.micro.composer.stock import SIDE, open_stock
from actors.micro.diffusion.autoencoder import FACTOR
from actors.micro.diffusion.latents import encode
from actors.micro.first_process import wait_for
from actors.models.provenance import fingerprint
from actors.training.loop import best_device
from engine.rows.values import Pixels
from engine.seeds import rng

CELLS = SIDE // FACTOR
_CHUNK = 64


@final
@dataclass(frozen=True)
class PicturePool:
    """N composed pictures.

    Attributes:
        latents: f16 NxCx16x16.
        masks: u8 Nx4x16x16, the share of each cell that a toy covers, left to right, 0 past the count.
        concepts: i32 Nx4, -1 past the count.
        scenes: i8 N.
    """

    latents: NDArray[np.float16]
    masks: NDArray[np.uint8]
    concepts: NDArray[np.int32]
    scenes: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.scenes)


_KINDS = {"latents": np.float16, "masks": np.uint8, "concepts": np.int32, "scenes": np.int8}


def pools_folder(stock: Path, autoencoder: Path) -> Path:
    """Where the pools lie that one autoencoder encoded, beside the stock that they are made of."""
    return stock / f"pools-{fingerprint(autoencoder).removeprefix('blake2b:')}"


def make_pool(pools: Path, vae: Any, number: int, *, count: int, seed: int, writes: bool = True) -> None:
    """Compose ``pool-<number>`` in `pools` from the stock beside it where it is missing; a broken one is begun anew.

    Args:
        pools: folder of all pools of an autoencoder.
        vae: the autoencoder, on the best device.
        number: of the pool, from 0.
        count: pictures.
        seed: of the pictures.
        writes: whether this process makes it, or waits for the one that does.

    Raises:
        EnvironmentProblem: LATENTS_MISSING.
    """
    home, work = pools / f"pool-{number:03d}", pools / f"_tmp-pool-{number:03d}"
    if not writes:
        wait_for(home)
    if home.is_dir():
        return
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    stock = open_stock(pools.parent)
    out = _new_arrays(work, count, vae.config.latent_channels)
    for start in range(0, count, _CHUNK):
        rows = range(start, min(start + _CHUNK, count))
        pictures = [compose(stock, rng(seed, "composer", f"pool {number}/{row}")) for row in rows]
        _store(out, rows, pictures, encode(vae, np.stack([one.image for one in pictures]), best_device()))
    for array in out.values():
        array.flush()
    os.replace(work, home)  # noqa: PTH105 - one call, atomic on every platform


def _new_arrays(work: Path, count: int, channels: int) -> dict[str, Any]:
    shapes: dict[str, tuple[int, ...]] = {
        "latents": (channels, CELLS, CELLS), "masks": (MOST, CELLS, CELLS), "concepts": (MOST,), "scenes": (),
    }  # fmt: skip
    return {
        name: open_memmap(work / f"{name}.npy", "w+", kind, (count, *shapes[name])) for name, kind in _KINDS.items()
    }


def _store(out: dict[str, Any], rows: range, pictures: Sequence[ComposedPicture], latents: NDArray[np.float16]) -> None:
    out["latents"][rows.start : rows.stop] = latents
    for row, picture in zip(rows, pictures, strict=True):
        shown = len(picture.layers)
        out["concepts"][row] = -1
        out["concepts"][row, :shown] = picture.concepts
        out["masks"][row, :shown] = [cell_shares(layer) for layer in picture.layers]
        out["scenes"][row] = picture.scene


def cell_shares(layer: Pixels) -> Pixels:
    """The mean of a 128x128 u8 mask within every cell of the latents: 16x16 u8."""
    return np.asarray(cv2.resize(layer, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.uint8)


def open_pools(pools: Path) -> list[PicturePool]:
    """All finished pools, in order."""
    homes = sorted(pools.glob("pool-*"))
    return [PicturePool(**{name: np.load(home / f"{name}.npy", mmap_mode="r") for name in _KINDS}) for home in homes]
