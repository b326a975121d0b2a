"""A small library of cut-outs and a catalogue of backgrounds on disk, for the tests of stages."""

import numpy as np

from engine.photos.backgrounds import to_jsonl
from engine.photos.images import encode_png
from engine.rows.cutout import Cutout
from engine.rows.schema import column_names, to_table
from engine.run.stage import Run
from engine.storage.commits import commit_unit
from engine.storage.lock import BACKGROUNDS
from engine.storage.open_store import open_store
from tests.support.data.cutouts import BEACH, TABLE

CLASSES = {"rex": "dog", "tom": "cat", "pot": "teapot", "bag": "backpack", "pair": "glasses"}


def run_with_library(folder, classes=None, backgrounds=(BEACH, TABLE)):
    """A run whose library holds two cut-outs of each concept."""
    names = CLASSES if classes is None else classes
    pixels = np.full((30, 24, 4), 255, np.uint8)
    rows = [
        Cutout(
            sample_id=f"{number:010d}",
            unit_id=0,
            seed=number,
            source=f"{concept}/{photo}.jpg",
            concept=concept,
            class_name=class_name,
            cutout_id=f"{concept}-{photo}",
            image=encode_png(pixels),
            width=24,
            height=30,
            status="accepted",
        )
        for number, (concept, class_name, photo) in enumerate((c, k, p) for c, k in names.items() for p in range(2))
    ]
    table = to_table(Cutout, rows, column_names(Cutout, stored=True))
    commit_unit(open_store(f"{folder}/library"), 0, table, [], attempt=1, timings={})
    open_store(str(folder)).put(BACKGROUNDS, to_jsonl(backgrounds))
    return Run(out=str(folder), library=f"{folder}/library", size=64)
