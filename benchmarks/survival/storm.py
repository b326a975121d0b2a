"""SIGKILLs at random points of the commit layer, two writers on one output: the storm of the tests, told as figures."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from benchmarks.support.child_process import ask
from benchmarks.support.figure import Figure
from engine.dataset.verify import verify
from engine.storage.open_store import open_store
from tests.support.processes.storm import KILLS, SEED, content, plan, write

LIMIT_S = 600.0


def run() -> list[Figure]:
    """Runs that are killed and begun again until they are whole, each held against one that nobody disturbed."""
    with tempfile.TemporaryDirectory(prefix="mcb") as name:
        folder = Path(name)
        write(folder / "undisturbed", plan(), random.Random(0))
        expected = content(folder / "undisturbed")
        told = ask("tests.support.processes.storm", folder / "storm", SEED, KILLS, timeout_s=LIMIT_S)
        made = sorted((folder / "storm").iterdir())
        alike = sum(content(each) == expected for each in made)
        sound = sum(verify(open_store(str(each))).ok for each in made)
    whole = len(made) == told["datasets"] == alike == sound
    return [
        Figure(
            "SIGKILLs of the commit layer, two writers",
            ">= 500",
            told["kills"],
            told["kills"] >= 500,
            f"over {len(made)} datasets of {len([path for path in expected if path.startswith('data/')])} units",
        ),
        Figure(
            "datasets after them as if undisturbed",
            "all",
            f"{alike} of {len(made)}",
            whole,
            f"data, failures, scores byte-identical in {alike}; verify finds no lost, doubled or torn row in {sound}",
        ),
    ]
