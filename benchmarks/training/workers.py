"""One training by 1, 2 and 3 processes under gloo, without Ray: how far their weights are apart; `PHOTOS FOLDER`."""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from jobs.train.trainings import load

STEPS = 50
OVERRIDES = (
    "side=64", "batch=6", "flip=true", "augment=true", f"schedule.steps={STEPS}", "schedule.bf16=false",
    "look.every=0", "look.pictures=1", "look.drawing.steps=1", "look.identity=null",
)  # fmt: skip


@dataclass(frozen=True)
class PlainContext:
    """What `actors.training.loop.fit` is handed; nothing is reported."""

    rank: int
    world_size: int
    data: str
    out: str
    threads: int = 1
    checkpoint: Path | None = None

    def report(self, step: int, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        """Nobody listens."""


def work(rank: int, world_size: int, photos: str, out: str) -> None:
    """One process."""
    if world_size > 1:
        torch.distributed.init_process_group("gloo", init_method=f"file://{out}.meet", rank=rank, world_size=world_size)
    load("micro-custom-diffusion", OVERRIDES).spec.train(PlainContext(rank, world_size, photos, out))


def main(photos: str, folder: Path) -> None:
    """Print the largest relative difference with what one process trained, by number of processes."""
    context = multiprocessing.get_context("spawn")
    for size in (1, 2, 3):
        crew = [
            context.Process(target=work, args=(rank, size, photos, str(folder / str(size)))) for rank in range(size)
        ]
        for each in crew:
            each.start()
        for each in crew:
            each.join()
            assert each.exitcode == 0
    print(json.dumps({size: _apart(folder / "1", folder / str(size)) for size in (2, 3)}))


def _apart(one: Path, other: Path) -> float:
    """The norm of the difference over the norm of what was learned, the worst of all tensors."""
    worst = 0.0
    for name in ("kv.safetensors", "concepts.safetensors"):
        ours, theirs = load_file(one / name), load_file(other / name)
        worst = max(worst, *(float((ours[key] - theirs[key]).norm() / ours[key].norm()) for key in ours))
    return worst


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
