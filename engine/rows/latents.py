"""What an autoencoder makes of a training's picture, as a row: encoded once, drawn from at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.rows.values import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentMoments:
    """Mean and deviation of the latents of one view of one row.

    Attributes:
        number: of the row in the training's order.
        variant: of its views.
        shape: of `moments`, (2C, h, w): the means, then the deviations.
        moments: float16, little endian.
    """

    kind: ClassVar[str] = "latent_moments"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    # listed
    number: int = 0
    variant: int = 0
    # encode_latents
    shape: tuple[int, ...] = ()
    moments: bytes | None = None
    models: tuple[Model, ...] = ()
    # plan
    status: str = ""
