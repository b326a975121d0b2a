"""The latents of a training on a worker's disk: one array, of which the operating system keeps what is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actors.personalize.rows.encode_stage import as_half
from actors.personalize.rows.training_rows import TrainingRows
from engine.dataset.views import open_dataset
from engine.errors import Damaged
from engine.rows.values import Pixels

COLUMNS = ("sample_id", "number", "variant", "shape", "moments")


@final
class LatentTable:
    """Moments of every view of every row, (rows * variants, 2C, h, w) float16, in a file.

    Args:
        moments: number of the view and its moments, in any order.
        rows: how many rows there are.
        variants: views of each.
        shape: of the moments of one, (2C, h, w).
        file: where the array is made.

    Raises:
        Damaged: LATENTS_LACK where a view of a row is not there.
    """

    def __init__(
        self,
        moments: Iterable[tuple[int, NDArray[np.float16]]],
        rows: int,
        variants: int,
        *,
        shape: tuple[int, ...],
        file: Path,
    ) -> None:
        self._variants = variants
        made = np.memmap(file, "<f2", "w+", shape=(rows * variants, *shape))
        there = np.zeros(rows * variants, bool)
        for number, known in moments:
            made[number], there[number] = known, True
        if not there.all():
            lacking = int(np.flatnonzero(~there)[0]) // variants
            what = f"lack {int((~there).sum()):,} views, the first of row {lacking}"
            fix = "leave those rows out; `mycanvas stats` of the folder says why they failed"
            raise Damaged("LATENTS_LACK", what, where=str(file), fix=fix)
        made.flush()
        self._moments = np.memmap(file, "<f2", "r", shape=made.shape)

    def moments(self, number: int, variant: int) -> Tensor:
        """Of one view of one row, (2C, h, w), float32."""
        return torch.from_numpy(np.array(self._moments[number * self._variants + variant], np.float32))


def read_latents(uri: str, rows: TrainingRows, shape: tuple[int, ...], file: Path) -> LatentTable:
    """The table of what a pool has encoded of `rows`.

    Raises:
        Damaged: LATENTS_LACK; LATENTS_SIZE where a view has another size.
    """
    return LatentTable(_read(uri, rows.variants, shape), len(rows), rows.variants, shape=shape, file=file)


def encode_latents(
    rows: TrainingRows, encode: Callable[[Sequence[Pixels]], Tensor], side: int, shape: tuple[int, ...], file: Path
) -> LatentTable:
    """The table of a few rows, encoded here: a pool takes longer to start.

    Raises:
        SampleError: LATENTS_NOT_FINITE.
    """
    views = product(range(len(rows)), range(rows.variants))
    moments = (
        (place, as_half(encode([rows.show(number, variant, side).pixels])[0].cpu().numpy(), rows.name(number)))
        for place, (number, variant) in enumerate(views)
    )
    return LatentTable(moments, len(rows), rows.variants, shape=shape, file=file)


def _read(uri: str, variants: int, shape: tuple[int, ...]) -> Iterator[tuple[int, NDArray[np.float16]]]:
    for table in open_dataset(uri).tables(COLUMNS):
        for row in table.to_pylist():
            if tuple(row["shape"]) != shape:
                what = f"hold moments of the shape {tuple(row['shape'])}, and the base needs {shape}"
                raise Damaged("LATENTS_SIZE", what, where=uri, fix="delete the folder: it is made anew")
            yield row["number"] * variants + row["variant"], np.frombuffer(row["moments"], "<f2").reshape(shape)
