"""The training seam: a course says what is trained and how it is measured; a desk is where a course works.

A course knows nothing about clusters, a desk nothing about models. `cluster/training.py` sets desks up over Ray Train,
`LocalDesk` one in this process.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, TypeVar, final

from pydantic import ConfigDict, Field, ValidationError

from engine.errors import UsageError
from engine.run.recipe_yaml import Origins, override
from engine.run.stage import Spec

C = TypeVar("C", bound="Course")

MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "67108864",
}
"""Environment of a process that trains on a CPU. Without it, 40 % of the time goes to the kernel, which maps and unmaps
the memory of every large tensor."""
_KEPT = 2  # checkpoints: the last, and the one before it should the last be found damaged
_CHECKPOINT = "step-"


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of ``mycanvas micro evaluate``: `value` should reach `target`, where it has one; more is better."""

    part: str
    metric: str
    value: float
    target: float | None = None

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.value >= self.target


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


class Desk(Protocol):
    """What a course gets from whoever runs it. One per process of a training."""

    @property
    def rank(self) -> int:
        """Number of this process, 0 .. `world` - 1. Rank 0 writes."""

    @property
    def world(self) -> int:
        """Processes that train together."""

    @property
    def data(self) -> Path:
        """Folder of the rendered Toybox sets."""

    @property
    def out(self) -> Path:
        """Folder of the family; a finished part is saved in ``out/<part>/``."""

    @property
    def resume(self) -> Path | None:
        """Folder of the last checkpoint, or None at the beginning."""

    @property
    def threads(self) -> int:
        """Threads that this process may use."""

    def report(self, step: int, values: Mapping[str, float], checkpoint: Path | None) -> None:
        """Tell how far the training is; every rank calls it at the same steps.

        Args:
            step: steps taken.
            values: what was measured since the last report.
            checkpoint: folder to resume from, complete; the desk copies it before it returns. All ranks give one at the
                same steps, which is empty but for rank 0's.
        """


class Course(Spec, ABC):
    """How one part of a model family is trained and measured. Its fields are the hyperparameters.

    The first line of a course's docstring is the sentence on its architecture in ``docs/micro.md``.
    """

    part: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    """Parts that must have been trained before."""
    homes: ClassVar[tuple[str, ...]] = ()
    """Where in the family's folder the finished part may lie besides ``<part>``: inside a part that is built on it."""

    seed: int = Field(default=0, ge=0, lt=1 << 63, description="root seed of every draw of the training")

    @abstractmethod
    def train(self, desk: Desk) -> None:
        """Train; rank 0 saves the finished part, in the format of its production counterpart, in ``out/<part>/``."""

    @abstractmethod
    def evaluate(self, folder: Path, data: Path, seed: int) -> list[Metric]:
        """Measure a finished part on data that training never saw.

        Args:
            folder: the family's folder; the part is loaded through the same backend as a large model.
            data: folder of the rendered Toybox sets.
            seed: of what is drawn in the measurement.
        """

    def digest(self) -> str:
        """8 hex digits over part and fields: a training goes on only where it was begun with the same ones."""
        fields = json.dumps([self.part, self.model_dump(mode="json")], sort_keys=True)
        return blake2b(fields.encode(), digest_size=4).hexdigest()


def configure(kind: type[C], overrides: Sequence[str] = ()) -> C:
    """A course with its defaults, but for ``schedule.steps=3000`` and the like; values are YAML.

    Raises:
        UsageError: RECIPE_SET, RECIPE_YAML, RECIPE_KEY, RECIPE_VALUE.
    """
    tree = kind().model_dump(mode="json")
    origins = Origins(f"course {kind.part}", {})
    for item in overrides:
        origins = override(tree, item, origins, places={})
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(str(part) for part in first["loc"])
        unknown = first["type"] in {"extra_forbidden", "unexpected_keyword_argument"}
        raise UsageError(
            "RECIPE_KEY" if unknown else "RECIPE_VALUE",
            f"unknown key {'.'.join(place)!r}" if unknown else f"{'.'.join(place)}: {first['msg']}",
            where=origins.of(place),
            fix="docs/micro.md lists the fields of every course",
        ) from error


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDesk:
    """A desk in this process. Checkpoints lie in ``work/step-<number>/``, whole or not at all; the last two are kept.

    Args:
        data: folder of the rendered Toybox sets.
        out: folder of the family.
        work: folder of the checkpoints of this one training.
        threads: threads to use.
        tell: is given every report as one mapping; ``seconds`` counts from the desk's beginning.
    """

    data: Path
    out: Path
    work: Path
    threads: int = 1
    tell: Callable[[Mapping[str, Any]], None] = field(default=lambda _: None)
    started: float = field(default_factory=time.monotonic)

    @property
    def rank(self) -> int:
        return 0

    @property
    def world(self) -> int:
        return 1

    @property
    def resume(self) -> Path | None:
        return max(self.work.glob(f"{_CHECKPOINT}*"), default=None)

    def report(self, step: int, values: Mapping[str, float], checkpoint: Path | None) -> None:
        """Keep the checkpoint, then tell."""
        if checkpoint is not None:
            self._keep(step, checkpoint)
        self.tell({"step": step, "seconds": round(time.monotonic() - self.started, 3), **values})

    def _keep(self, step: int, checkpoint: Path) -> None:
        target, unfinished = self.work / f"{_CHECKPOINT}{step:09d}", self.work / "_tmp"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(checkpoint, unfinished)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(unfinished, target)  # noqa: PTH105 - one call, atomic on every platform
        for old in sorted(self.work.glob(f"{_CHECKPOINT}*"))[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
