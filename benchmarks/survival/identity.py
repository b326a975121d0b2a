"""How much of the photographed things survives: identity PSNR on real photos, of the stored image."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.support.child_process import ROOT, mycanvas
from benchmarks.support.figure import Figure
from engine.storage.commits import data_files
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard

SAMPLES, SIDE = 64, 512
LIMIT_S = 900.0
MEDIAN_DB, LOW_DB = 40.0, 34.0  # below 34 the gate rejects; 40 is past telling apart


def run() -> list[Figure]:
    """All objects of all rows, rejected ones too: the gate must not choose what it is measured by."""
    photos = Path(os.environ.get("MYCANVAS_DATA", ROOT.parent / "shared" / "data")) / "dreambooth"
    names = f"identity PSNR at {SIDE} px, median", f"identity PSNR at {SIDE} px, 5th percentile"
    targets = f">= {MEDIAN_DB:g} dB", f">= {LOW_DB:g} dB"
    if not photos.is_dir():
        why = "no real photos here: set MYCANVAS_DATA to a folder that holds dreambooth/"
        return [Figure(name, target, "skipped", None, why) for name, target in zip(names, targets, strict=True)]
    with tempfile.TemporaryDirectory(prefix="mcb") as out:
        options = ["--samples", SAMPLES, "--set", f"size={SIDE}", "--max-failures", "100%", "--format", "quiet"]
        mycanvas("compose", "classic", "--photos", photos, "--out", out, *options, timeout_s=LIMIT_S)
        scores, rows = _scores(out)
    known = np.array([score for score in scores if score is not None])
    middle, low = np.percentile(known, [50, 5])
    detail = f"{len(known)} objects of {rows} rows; {len(scores) - len(known)} too small to have one"
    return [
        Figure(names[0], targets[0], f"{middle:.1f} dB", bool(middle >= MEDIAN_DB), detail),
        Figure(names[1], targets[1], f"{low:.1f} dB", bool(low >= LOW_DB), detail),
    ]


def _scores(out: str) -> tuple[list[float | None], int]:
    store, scores, rows = open_store(out), [], 0
    for path in data_files(store):
        with open_shard(store, path) as shard:
            column = shard.read(columns=["objects.list.element.identity_psnr"]).column("objects").to_pylist()
        rows += len(column)
        scores += [placed["identity_psnr"] for objects in column for placed in objects]
    return scores, rows
