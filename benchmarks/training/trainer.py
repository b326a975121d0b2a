"""What the trainer costs over a bare loop, whether many workers train what one does, and what SDXL needs."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.support.child_process import ask, mycanvas
from benchmarks.support.figure import Figure, spread

TURNS, STEPS, CORES = 3, 150, 2
LIMIT_S = 900.0


def run() -> list[Figure]:
    """In turns: the bare loop, then `mycanvas train` with one worker."""
    with tempfile.TemporaryDirectory(prefix="mcb") as name:
        folder = Path(name)
        mycanvas("toybox", "--concepts", 2, "--photos", 6, "--size", 256, "--out", folder, timeout_s=LIMIT_S)
        photos = folder / "photos"
        shares, waits, firsts = [], [], []
        for turn in range(TURNS):
            bare = float(ask("benchmarks.training.plain_loop", photos, STEPS, CORES, timeout_s=LIMIT_S)["rate"])
            rate, wait, first = _train(photos, folder / f"run{turn}")
            shares.append(rate / bare)
            waits.append(wait)
            firsts.append(first)
        apart = ask("benchmarks.training.workers", photos, folder / "workers", timeout_s=LIMIT_S)
    kinds = "checkpointing", "without"
    memory = {
        (base, kind): ask("benchmarks.training.memory", base, kind, timeout_s=LIMIT_S)
        for base in ("sdxl", "klein")
        for kind in kinds
    }
    share, wait, first, worst = median(shares), median(waits), median(firsts), max(apart.values())
    return [
        Figure("training steps/s, one worker on Ray / bare loop", ">= 0.95", share, share >= 0.95, spread(shares)),
        Figure("share of a training step that waits for pictures", "<= 0.03", wait, wait <= 0.03, spread(waits)),
        Figure("seconds from `train` to its first report", "<= 15", first, first <= 15, spread(firsts)),
        Figure("weights of 2 and 3 workers after 50 steps, relative to 1", "<= 1e-3", worst, worst <= 1e-3, str(apart)),
        _peak("SDXL kv-lora", 16, [memory["sdxl", kind] for kind in kinds]),
        _peak("FLUX.2 klein attn-lora", 24, [memory["klein", kind] for kind in kinds]),
    ]  # fmt: skip


def _peak(what: str, most: float, measured: Sequence[Mapping[str, float]]) -> Figure:
    """With and without checkpointing; `most` is what the card has."""
    spared, plain = measured
    detail = f"weights {spared['weights']:.1f}; without checkpointing {plain['peak']:.1f}"
    name = f"{what}, 1024 px, batch 1: peak GiB by torch's accounting"
    return Figure(name, f"<= {most:g}", spared["peak"], spared["peak"] <= most, detail)


def _train(photos: Path, out: Path) -> tuple[float, float, float]:
    """Steps a second, the share of them that waits, and seconds until the first step, of one command."""
    changes = (
        f"schedule.steps={STEPS + 30}",
        "schedule.log_every=10",
        "schedule.checkpoint_every=1000",
        "look.every=0",
    )
    words = [word for change in changes for word in ("--set", change)]
    began = time.time()
    mycanvas(
        "train", "micro-custom-diffusion", "--photos", photos, "--out", out, "--cores", CORES, *words, timeout_s=LIMIT_S
    )
    (log,) = out.glob("runs/*/log/*.jsonl")
    reports = [json.loads(line) for line in log.read_text().splitlines()]
    early, late = reports[1], reports[-2]  # after the warm-up, before the last step's checkpoint
    rate = (late["step"] - early["step"]) / (late["seconds"] - early["seconds"])
    waits = [report["wait_s"] * rate for report in reports[2:-1]]
    ended = (out / "runs").stat().st_mtime  # the first report made the folder
    return rate, median(waits), ended - began


if __name__ == "__main__":
    print(run())
