"""What the engine costs around a model: recipe `micro` in its pipeline, over the same workers called in a loop."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.support.child_process import ask, mycanvas
from benchmarks.support.figure import Figure, spread

SHARE = 0.93
UNITS, WARM_UP, TURNS = 10, 2, 3
CONCEPTS, PHOTOS = 8, 4
LIMIT_S = 900.0


def run() -> list[Figure]:
    """In turns: a loop in one process, then `mycanvas compose` with one worker; one thread and one core in each."""
    with tempfile.TemporaryDirectory(prefix="mcb") as name:
        folder = Path(name)
        recipe, library = _prepared(folder)
        unit_size = int(yaml.safe_load(recipe.read_text())["unit_size"])
        shares = []
        for turn in range(TURNS):
            looped = float(
                ask("benchmarks.speed.worker", recipe, library, folder / f"loop{turn}", timeout_s=LIMIT_S)["rate"]
            )
            out = folder / f"run{turn}"
            asked = ("--photos", folder / "photos", "--library", library, "--out", out)
            mycanvas("compose", recipe, *asked, "--samples", (WARM_UP + UNITS) * unit_size, timeout_s=LIMIT_S)
            shares.append(_rate(out, unit_size) / looped)
    middle = median(shares)
    return [
        Figure("worker in the pipeline / in a loop", f">= {SHARE:g}", middle, middle >= SHARE, spread(shares)),
    ]


def _prepared(folder: Path) -> tuple[Path, Path]:
    """The micro recipe with a single worker, and a library of toys."""
    mycanvas("toybox", "--concepts", CONCEPTS, "--photos", PHOTOS, "--size", 256, "--out", folder, timeout_s=LIMIT_S)
    recipe = folder / "micro.yaml"
    tree = yaml.safe_load(mycanvas("recipe", "show", "micro", timeout_s=60.0))
    for pool in tree["pools"].values():
        pool["max_replicas"] = 1
    recipe.write_text(yaml.safe_dump(tree, sort_keys=False))
    library = folder / "library"
    mycanvas("segment", "--photos", folder / "photos", "--out", library, "--recipe", recipe, timeout_s=LIMIT_S)
    return recipe, library


def _rate(out: Path, unit_size: int) -> float:
    """Rows a second between the times of the shards, those of the warm-up left out."""
    times = sorted(path.stat().st_mtime for path in (out / "data").glob("*.parquet"))[WARM_UP - 1 :]
    return unit_size * (len(times) - 1) / (times[-1] - times[0])


def loop(recipe_file: str, library: str, out: str) -> float:
    """Rows a second of the recipe's workers, called one after another with the batches that a pipeline gives them."""
    from engine.compose.backdrops import catalogue
    from engine.run.sources import SOURCES
    from engine.run.stage import Run
    from engine.storage.extents import extend
    from engine.storage.open_store import open_store
    from jobs.compose.inputs import lock_backgrounds
    from jobs.compose.phases import origin_of
    from jobs.compose.recipes import load

    recipe, store = load(recipe_file), open_store(out)
    lock_backgrounds(store, catalogue())
    phase, run = recipe.whole("compose"), Run(out=store.uri, library=library, size=recipe.size)
    extents = extend(store, (WARM_UP + UNITS) * recipe.unit_size, recipe.unit_size)
    source = SOURCES.resolve(phase.source)(origin_of(recipe, phase, run, extents))
    workers = [(stage.load(run), stage.batch_size) for stage in phase.stages]
    for unit_id in range(WARM_UP + UNITS):
        if unit_id == WARM_UP:
            began = time.perf_counter()
        rows: Sequence[Any] = source.unit(unit_id).rows
        for work, size in workers:
            answers = [answer for at in range(0, len(rows), size) for answer in work(rows[at : at + size])]
            rows = [answer for answer in answers if not isinstance(answer, Exception)]
    return UNITS * recipe.unit_size / (time.perf_counter() - began)


if __name__ == "__main__":
    print(json.dumps({"rate": loop(*sys.argv[1:])}))
