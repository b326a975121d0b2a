"""What a training loop is handed by whoever runs it: which process it is, where things lie, a way to report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class TrainContext(Protocol):
    """One per process of a training. A spec knows nothing of clusters, a context nothing of models."""

    @property
    def rank(self) -> int:
        """Number of this process, 0 .. `world_size` - 1. Rank 0 writes."""

    @property
    def world_size(self) -> int:
        """Processes that train together, for as long as this context lives."""

    @property
    def threads(self) -> int:
        """Threads that this process may compute with."""

    @property
    def data(self) -> str:
        """URI of the dataset."""

    @property
    def out(self) -> str:
        """URI under which rank 0 puts the finished artifact."""

    @property
    def checkpoint(self) -> Path | None:
        """Folder on this disk with the checkpoint to go on from, the same on all ranks; None at the beginning."""

    def report(self, step: int, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        """Tell how far the training is; every rank calls it at the same steps.

        Args:
            step: steps taken.
            metrics: what was measured since the last report.
            checkpoint: folder on this disk to go on from, given by rank 0 alone; it may be deleted when this returns.
        """
