"""The training loop: a task draws its batches and says its loss; the loop does everything else, the same for all.

A step depends on (weights, step number, rank) alone, and all else is in the checkpoint: a training that was killed and
resumed ends with the weights of one that was not, bit by bit on a CPU with one thread.
"""

from __future__ import annotations

import math
import tempfile
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import final

import torch
from torch import Tensor, nn
from torch import distributed as dist

from actors.training.averaging import GradientAverage
from actors.training.checkpoint import TrainingProgress, restore, save
from actors.training.ema import Ema
from actors.training.optimizer import Optimizers
from engine.errors import UsageError
from engine.seeds import derive
from engine.training.context import TrainContext
from engine.training.schedule import Schedule

SKIPS_ALLOWED = 20


class TrainingTask(ABC):
    """What is trained: a network, and the loss of a batch."""

    net: nn.Module
    """Everything trainable; parameters that need no gradient stay as they are."""

    seed: int = 0
    """Of torch's own generators (dropout, `torch.randn` without a generator), set anew at every step."""

    @abstractmethod
    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, a scalar tensor with gradient, and values to log.

        Draws its own batch from ``rng(seed, part, f"{step}/{rank}")``, so that a resume replays it; autocast is on.
        """

    def losses(self, step: int, rank: int) -> Iterator[tuple[Tensor, dict[str, float]]]:
        """The same in parts that add up, each of which is forgotten before the next: gradient accumulation."""
        yield self.loss(step, rank)

    parts: int = 1
    """How many `losses` gives."""

    def after(self, step: int, rank: int) -> None:  # noqa: B027 - most tasks have nothing to do here
        """Called when `step` steps are taken, before they are reported."""

    def batch_of(self, step: int) -> str:
        """What the step was shown, on all processes together, for a message; empty where rows have no names."""
        del step
        return ""


def best_device() -> torch.device:
    """The GPU of this process where it was given one, or else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fit(task: TrainingTask, schedule: Schedule, context: TrainContext, *, device: torch.device | str) -> None:
    """Train; afterwards ``task.net`` holds the averaged weights, in evaluation mode, on `device`.

    Processes of one `torch.distributed` group train the same weights on batches of their own: gradients are averaged
    by hand, since a task may call any part of its network and `DistributedDataParallel` sees only `forward`.

    Raises:
        UsageError: TRAINING_DIVERGED after twenty losses or gradients in a row that were not finite.
        EnvironmentProblem: CHECKPOINT_MISMATCH, WEIGHTS_UNREADABLE.
    """
    torch.set_num_threads(context.threads)
    torch.manual_seed(derive(task.seed, "fit"))
    task.net.to(device).train()
    _agree_on_weights(task.net)
    run = _Run(task, schedule, context, torch.device(device))
    while run.progress.step < schedule.steps:
        run.step()
    run.ema.apply()
    task.net.eval()


@final
class _Run:
    """One training on its way."""

    def __init__(self, task: TrainingTask, schedule: Schedule, context: TrainContext, device: torch.device) -> None:
        self.task, self.schedule, self.context, self.device = task, schedule, context, device
        self.weights = [weight for weight in task.net.parameters() if weight.requires_grad]
        self.average = GradientAverage(self.weights, context.world_size)
        self.optimizer = Optimizers(task.net, schedule)
        self.ema = Ema(task.net, schedule.ema)
        self.progress = (
            TrainingProgress()
            if context.checkpoint is None
            else restore(context.checkpoint, task.net, self.optimizer, self.ema)
        )
        self._forget()

    def step(self) -> None:
        """Take one step; report and save where the schedule says so."""
        number = self.progress.step
        torch.manual_seed(derive(self.task.seed, "step", number, self.context.rank))
        rate = learning_rate(self.schedule, number)
        self.optimizer.zero_grad()
        values = self._backward(number)
        norm = self._gradient(values["loss"])
        self._update(norm, rate)
        for name, value in {"gradient": norm, **values}.items():
            self._sums[name].append(value)
        self.progress.step += 1
        self.task.after(self.progress.step, self.context.rank)
        self._tell(rate)

    def _backward(self, number: int) -> dict[str, float]:
        """Gradients of all parts of the step's loss, averaged over the processes; the loss, and values to log."""
        sums: defaultdict[str, float] = defaultdict(float)
        parts = self.task.losses(number, self.context.rank)
        for part in range(1, self.task.parts + 1):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.schedule.bf16):
                loss, values = next(parts)
            if part == self.task.parts:
                self.average.begin()
            spoilt = torch.where(torch.isfinite(loss.detach()), 1.0, math.nan)  # every process must see it, and skip
            (loss * spoilt).backward()  # type: ignore[no-untyped-call]
            for name, value in {"loss": loss.item(), **values}.items():
                sums[name] += value
        self.average.finish()
        return sums

    def _gradient(self, loss: float) -> float:
        """Clip the gradients; their norm, nan where a process's loss or the gradient is not finite."""
        norm = float(nn.utils.clip_grad_norm_(self.weights, self.schedule.clip))
        return norm if math.isfinite(loss) and math.isfinite(norm) else math.nan

    def _update(self, norm: float, rate: float) -> None:
        if math.isfinite(norm):
            self.optimizer.step(rate)
            self.ema.update(self.progress.updates)
            self.progress.updates += 1
            self.progress.in_a_row = 0
            return
        self.progress.skipped += 1
        self.progress.in_a_row += 1
        if self.progress.in_a_row >= SKIPS_ALLOWED:
            raise UsageError(
                "TRAINING_DIVERGED",
                f"{SKIPS_ALLOWED} losses in a row were not finite, the last at step {self.progress.step}",
                where=self.task.batch_of(self.progress.step),
                why="the learning rate is too high, or a batch holds what it should not",
                fix="a lower schedule.lr, a longer schedule.warmup, or schedule.bf16=false",
            )

    def _tell(self, rate: float) -> None:
        step, schedule = self.progress.step, self.schedule
        last = step == schedule.steps
        saving = last or step % schedule.checkpoint_every == 0
        if not (saving or step % schedule.log_every == 0):
            return
        values = {name: math.fsum(found) / len(found) for name, found in self._sums.items()}
        values |= {"lr": rate, "skipped": float(self.progress.skipped)}
        values["workers"] = float(self.context.world_size)
        values["steps_per_s"] = (step - self._since) / max(time.monotonic() - self._clock, 1e-9)
        with tempfile.TemporaryDirectory(prefix="mc-checkpoint-") as scratch:
            checkpoint = Path(scratch) if saving and self.context.rank == 0 else None
            if checkpoint is not None:
                save(checkpoint, self.task.net, self.optimizer, self.ema, self.progress)
            self.context.report(step, values, checkpoint)
        self._forget()

    def _forget(self) -> None:
        """Begin a new stretch between two reports."""
        self._sums: defaultdict[str, list[float]] = defaultdict(list)
        self._since, self._clock = self.progress.step, time.monotonic()


def learning_rate(schedule: Schedule, step: int) -> float:
    """The rate of step `step`, counted from 0: linear warm-up, then half a cosine down to the final share.

    Every restart repeats it, the last in what steps are left: SGDR, Loshchilov and Hutter, ICLR 2017, equation 5.
    """
    began = step // schedule.first_round * schedule.first_round
    length, step = min(schedule.first_round, schedule.steps - began), step - began
    if step < schedule.warmup:
        return schedule.lr * (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(length - schedule.warmup, 1)
    share = schedule.final_lr_share
    return schedule.lr * (share + (1 - share) * 0.5 * (1 + math.cos(math.pi * done)))


def _agree_on_weights(net: nn.Module) -> None:
    """Every process begins with the weights of rank 0."""
    if dist.is_available() and dist.is_initialized():
        for tensor in (*net.parameters(), *net.buffers()):
            dist.broadcast(tensor.detach(), 0)
