"""Which rows a training step takes: every row once an epoch, whatever dies, joins or is resumed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.seeds import rng


@final
@dataclass(frozen=True, slots=True)
class EpochOrder:
    """The rows of every step, as a function of the seed, the number of rows and the global batch alone.

    All epochs stand one behind the other, each in an order of its own, and step k takes rows k*B to (k+1)*B of that
    line: a batch may hold the end of one epoch and the beginning of the next, so no row is dropped at an end.

    Attributes:
        rows: how many there are, numbered in the order of their sample ids.
        batch: rows of a step on all workers together.
        seed: root seed of the training.
    """

    rows: int
    batch: int
    seed: int

    def step(self, number: int) -> NDArray[np.int64]:
        """The rows of a step, int64 of shape (batch,), in [0, rows)."""
        places = np.arange(number * self.batch, (number + 1) * self.batch, dtype=np.int64)
        epochs, offsets = np.divmod(places, self.rows)
        return np.array(
            [_order(self.seed, self.rows, int(epoch))[place] for epoch, place in zip(epochs, offsets, strict=True)]
        )

    def epoch(self, number: int) -> float:
        """How many epochs are over before a step: 1.5 in the middle of the second."""
        return number * self.batch / self.rows


def share(batch: int, rank: int, world_size: int) -> slice:
    """The part of a step's rows that one worker takes: parts follow each other and differ by one row at most."""
    return slice(batch * rank // world_size, batch * (rank + 1) // world_size)


def require_work(rows: int, batch: int, world_size: int) -> None:
    """Refuse a training in which a worker would have nothing to do.

    Raises:
        UsageError: TRAIN_EMPTY, TRAIN_WORKERS.
    """
    if not rows:
        raise UsageError(
            "TRAIN_EMPTY", "there are no rows to train on", fix="filter less, or look at the gate's limits"
        )
    if world_size > batch:
        raise UsageError(
            "TRAIN_WORKERS",
            f"{world_size} workers share a batch of {batch} rows: some would have none",
            where="--workers",
            fix=f"at most {batch} workers, or a larger batch",
        )


@lru_cache(maxsize=4)
def _order(seed: int, rows: int, epoch: int) -> NDArray[np.int64]:
    return rng(seed, "epoch", str(epoch)).permutation(rows)
