"""A course that takes seconds: a small network learns y = 2a - b + 1 with a bend in it."""

import os
import signal
import time
from pathlib import Path
from typing import ClassVar, final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from actors.training.loop import TrainingTask, fit
from engine.seeds import rng
from engine.training.course import Course, Metric, Schedule


def truth(points):
    return 2 * points[:, :1] - points[:, 1:] + points[:, :1].abs()


@final
class Lines(TrainingTask):
    def __init__(self, seed, poison=(), nap_s=0.0):
        torch.manual_seed(seed)
        self.seed, self.poison, self.nap_s = seed, poison, nap_s
        first, hidden = nn.Linear(2, 32), nn.Linear(32, 32)
        self.net = nn.Sequential(
            first, nn.BatchNorm1d(32), nn.SiLU(), nn.Dropout(0.1), hidden, nn.SiLU(), nn.Linear(32, 1)
        )

    def loss(self, step, rank):
        time.sleep(self.nap_s)
        points = torch.from_numpy(rng(self.seed, "tiny", f"{step}/{rank}").normal(size=(32, 2)).astype(np.float32))
        error = (self.net(points) - truth(points)).square().mean()
        return (error * torch.nan if step in self.poison else error), {"size": float(len(points))}


@final
class Tiny(Course):
    """A network of a thousand parameters that learns a bent plane."""

    part: ClassVar[str] = "tiny"
    schedule: Schedule = Schedule(steps=300, lr=0.02, warmup=10, ema=0.9, checkpoint_every=50, log_every=20)
    kill_at: int = 0
    poison: tuple[int, ...] = ()
    nap_s: float = 0.0

    def train(self, desk):
        task = Lines(self.seed, self.poison, self.nap_s)
        fit(task, self.schedule, Killing(desk, self.kill_at) if self.kill_at else desk, device="cpu")
        if desk.rank == 0:
            (desk.out / self.part).mkdir(parents=True, exist_ok=True)
            save_file(dict(task.net.state_dict()), desk.out / self.part / "model.safetensors")

    def evaluate(self, folder, data, seed):
        task = Lines(seed)
        task.net.load_state_dict(load_file(Path(folder) / self.part / "model.safetensors"))
        task.net.eval()
        with torch.no_grad():
            error, _ = task.loss(10**9, 0)
        return [Metric("tiny", "fit", 1 - float(error), 0.5)]


@final
class Built(Course):
    """A part that stands on another."""

    part: ClassVar[str] = "built"
    needs: ClassVar[tuple[str, ...]] = ("tiny",)

    def train(self, desk):
        raise NotImplementedError

    def evaluate(self, folder, data, seed):
        raise NotImplementedError


@final
class Killing:
    """A desk whose process dies for good, once, when it has got so far."""

    def __init__(self, desk, step):
        self.desk, self.kill_at = desk, step

    def __getattr__(self, name):
        return getattr(self.desk, name)

    def report(self, step, values, checkpoint):
        self.desk.report(step, values, checkpoint)
        marker = self.desk.out / "killed"
        if step >= self.kill_at and not marker.exists():
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
