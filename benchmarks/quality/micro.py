"""The micro family on Toybox pictures that training never saw: the table of `mycanvas micro evaluate`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from benchmarks.support.child_process import mycanvas
from benchmarks.support.figure import Figure

SEED = 1  # of what the measurement draws; pictures and toys have seeds of their own
LIMIT_S = 3600.0


def run() -> list[Figure]:
    """Every part through the backend that runs its large counterpart."""
    with tempfile.TemporaryDirectory(prefix="mcb") as folder:
        data = Path(folder) / "toysets"
        told = mycanvas("micro", "evaluate", "--data", data, "--seed", SEED, "--format", "json", timeout_s=LIMIT_S)
    return [
        Figure(
            f"{row['part']}: {row['metric'].replace('_', ' ')}",
            f">= {row['target']:g}",
            float(row["value"]),
            row["met"],
            "on held-out toys, poses and scenes",
        )
        for row in json.loads(told.strip().splitlines()[-1])["rows"]
        if row["target"] is not None
    ]
