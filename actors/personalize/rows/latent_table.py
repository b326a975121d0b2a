"""The latents of a training on a worker's disk: one array, of which the operating system keeps what is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actors.personalize.rows.encode_stage import EncodeLatents
from actors.personalize.rows.training_rows import TrainingRows
from engine.dataset.views import open_dataset
from engine.errors import Damaged

COLUMNS = ("sample_id", "number", "variant", "shape", "moments")


@final
class LatentTable:
    """Moments of every view of every row, float16, copied out of shards once.

    Args:
        uri: of the encoded rows.
        rows: how many there are.
        variants: views of each.
        shape: of the moments of one, (2C, h, w).
        file: where the array is made.

    Raises:
        Damaged: LATENTS_LACK where a view of a row is not there, LATENTS_SIZE where one has another size.
    """

    def __init__(self, uri: str, rows: int, variants: int, shape: tuple[int, ...], file: Path) -> None:
        self._variants = variants
        made = np.memmap(file, "<f2", "w+", shape=(rows * variants, *shape))
        there = np.zeros(rows * variants, bool)
        for number, moments in _read(uri, variants, shape):
            made[number], there[number] = moments, True
        if not there.all():
            lacking = int(np.flatnonzero(~there)[0]) // variants
            what = f"lack {int((~there).sum()):,} views, the first of row {lacking}"
            raise Damaged(
                "LATENTS_LACK", what, where=uri, fix="leave those rows out; `mycanvas stats` says why they failed"
            )
        made.flush()
        self._moments = np.memmap(file, "<f2", "r", shape=made.shape)

    def moments(self, number: int, variant: int) -> Tensor:
        """Of one view of one row, (2C, h, w), float32."""
        return torch.from_numpy(np.array(self._moments[number * self._variants + variant], np.float32))


def open_latents(root: str, stage: EncodeLatents, rows: TrainingRows, channels: int, file: Path) -> LatentTable:
    """The table of what `stage` encoded of `rows` below `root`, for latents of `channels` channels.

    Raises:
        Damaged: as `LatentTable`.
    """
    edge = stage.side // 8
    return LatentTable(f"{root}/{stage.key}", len(rows), rows.variants, (2 * channels, edge, edge), file)


def _read(uri: str, variants: int, shape: tuple[int, ...]) -> Iterator[tuple[int, NDArray[np.float16]]]:
    for table in open_dataset(uri).tables(COLUMNS):
        for row in table.to_pylist():
            if tuple(row["shape"]) != shape:
                what = f"hold moments of the shape {tuple(row['shape'])}, and the base needs {shape}"
                raise Damaged("LATENTS_SIZE", what, where=uri, fix="delete the folder: it is made anew")
            yield row["number"] * variants + row["variant"], np.frombuffer(row["moments"], "<f2").reshape(shape)
