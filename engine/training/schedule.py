"""How long and how fast a network is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long and how fast: AdamW under a linear warm-up and a cosine decay (Loshchilov and Hutter 2017, 2019).

    Linear layers may have Muon instead (Jordan et al. 2024), at a rate of their own.

    Attributes:
        steps: optimizer steps in all.
        restart_every: steps after which the rate begins anew (warm restarts); None: one rise and one fall.
        lr: highest learning rate.
        muon_lr: that of the matrices of linear layers, which Muon then moves; None leaves them to AdamW.
        warmup: steps until it is reached, in every round between two restarts.
        final_lr_share: share of `lr` that is left at the last step of a round.
        weight_decay: of parameters with two or more dimensions.
        betas: of Adam's two moments.
        ema: decay of the exponential moving average of the weights, which is what is kept in the end.
        clip: highest norm of the gradient.
        checkpoint_every: steps between two checkpoints.
        log_every: steps between two reports.
        bf16: compute in bfloat16 where autocast allows it (10 times as fast as float32 on recent CPUs).
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    steps: Annotated[int, Field(ge=1)]
    restart_every: Annotated[int, Field(ge=1)] | None = None
    lr: Annotated[float, Field(gt=0)]
    muon_lr: Annotated[float, Field(gt=0)] | None = None
    warmup: Annotated[int, Field(ge=0)] = 200
    final_lr_share: Annotated[float, Field(ge=0, le=1)] = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    clip: Annotated[float, Field(gt=0)] = 1.0
    checkpoint_every: Annotated[int, Field(ge=1)] = 500
    log_every: Annotated[int, Field(ge=1)] = 50
    bf16: bool = True

    @property
    def first_round(self) -> int:
        """Steps of the first rise and fall of the rate."""
        return min(self.restart_every or self.steps, self.steps)
