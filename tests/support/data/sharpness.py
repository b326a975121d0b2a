"""Two scores that the engine does not have, each a function and a row beside a typed field of a record."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from actors.score.paper_metrics import ScoredBatch
from actors.score.pixels import MeasuredComposition
from engine.rows.added_scores import AddedScores
from engine.rows.composition import Composition
from engine.rows.metric import METRIC, Limit, MetricSpec


def sharpness(image: MeasuredComposition) -> float:
    """Variance of the Laplacian of the stored picture: `score` calls this."""
    return float(cv2.Laplacian(cv2.cvtColor(image.stored, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def brightness(batch: ScoredBatch) -> list[float]:
    """Mean of each stored picture, 0..255: `mycanvas score` calls this where it is asked for."""
    return [float(np.mean(pixels)) for pixels in batch.stored]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpComposition(Composition):
    """A composition with one score more."""

    sharpness: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="sharpness of the picture", short="sharp", about="variance of its Laplacian", low=0,
        higher_is_better=True, limit=Limit("how sharp the picture must be", 5.0), digits=1,
        function=f"{__name__}:sharpness",
    )})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BrightScores(AddedScores):
    """Added scores with one more."""

    brightness: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="brightness", about="mean of the picture", low=0, high=255, request="brightness",
        function=f"{__name__}:brightness",
    )})  # fmt: skip
