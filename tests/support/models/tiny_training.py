"""Trainings that take seconds: a small network learns y = 2a - b + |a|."""

import os
import signal
import tempfile
import time
from pathlib import Path
from typing import ClassVar, final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from actors.micro.spec import Measurement, MicroTraining
from actors.training.loop import TrainingTask, fit
from engine.seeds import rng
from engine.storage.folders import put_folder
from engine.storage.open_store import open_store
from engine.training.resources import TrainingStorage
from engine.training.schedule import Schedule
from engine.training.spec import TrainingSpec

SCHEDULE = Schedule(steps=300, lr=0.02, warmup=10, ema=0.9, checkpoint_every=50, log_every=20)
WEIGHTS = "model.safetensors"


def truth(points):
    return 2 * points[:, :1] - points[:, 1:] + points[:, :1].abs()


@final
class Lines(TrainingTask):
    def __init__(self, seed, poison=(), nap_s=0.0, noise=1.0):
        torch.manual_seed(seed)
        self.seed, self.poison, self.nap_s, self.noise = seed, poison, nap_s, noise
        first, hidden = nn.Linear(2, 32), nn.Linear(32, 32)
        self.net = nn.Sequential(
            first, nn.BatchNorm1d(32), nn.SiLU(), nn.Dropout(0.1), hidden, nn.SiLU(), nn.Linear(32, 1)
        )

    def loss(self, step, rank):
        time.sleep(self.nap_s)
        draw = rng(self.seed, "tiny", f"{step}/{rank}")
        points = torch.from_numpy((self.noise * draw.normal(size=(32, 2))).astype(np.float32))
        error = (self.net(points) - truth(points)).square().mean()
        return (error * torch.nan if step in self.poison else error), {"size": float(len(points))}


@final
class TinyTraining(TrainingSpec):
    """A network of a thousand parameters; the spread of its points lies in the dataset."""

    name: ClassVar[str] = "tiny"
    schedule: Schedule = SCHEDULE
    kill_at: int = 0
    poison: tuple[int, ...] = ()
    nap_s: float = 0.0

    def train(self, context):
        task = Lines(self.seed, self.poison, self.nap_s, float(open_store(context.data).read("noise")))
        fit(task, self.schedule, Killing(context, self.kill_at) if self.kill_at else context, device="cpu")
        if context.rank == 0:
            with tempfile.TemporaryDirectory() as scratch:
                save_file(dict(task.net.state_dict()), Path(scratch) / WEIGHTS)
                put_folder(open_store(context.out), self.name, Path(scratch))


def storage_in(uri):
    """Data, artifact and checkpoints of a tiny training below one folder or URI."""
    open_store(f"{uri}/data").put("noise", b"1.0")
    return TrainingStorage(data=f"{uri}/data", out=f"{uri}/out", work=f"{uri}/work")


@final
class TinyPart(MicroTraining):
    """A network of a thousand parameters that learns a bent plane."""

    name: ClassVar[str] = "tiny"
    schedule: Schedule = SCHEDULE

    def train_part(self, context, folders):
        task = Lines(self.seed)
        fit(task, self.schedule, context, device="cpu")
        if context.rank == 0:
            folders.part.mkdir(parents=True)
            save_file(dict(task.net.state_dict()), folders.part / WEIGHTS)

    def evaluate(self, family, data, seed):
        task = Lines(seed)
        task.net.load_state_dict(load_file(family / self.name / WEIGHTS))
        task.net.eval()
        with torch.no_grad():
            error, _ = task.loss(10**9, 0)
        return [Measurement("tiny", "fit", 1 - float(error), 0.5)]


@final
class BuiltPart(MicroTraining):
    """A part that stands on another."""

    name: ClassVar[str] = "built"
    needs: ClassVar[tuple[str, ...]] = ("tiny",)
    schedule: Schedule = Schedule(steps=1, lr=0.1)

    def train_part(self, context, folders):
        raise NotImplementedError

    def evaluate(self, family, data, seed):
        raise NotImplementedError


@final
class Killing:
    """A context whose process dies for good, once, when it has got so far."""

    def __init__(self, context, step):
        self.context, self.kill_at = context, step

    def __getattr__(self, name):
        return getattr(self.context, name)

    def report(self, step, metrics, checkpoint):
        self.context.report(step, metrics, checkpoint)
        if step >= self.kill_at and open_store(self.context.out).create("killed", b""):
            os.kill(os.getpid(), signal.SIGKILL)
