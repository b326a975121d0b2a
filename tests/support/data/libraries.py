"""A small library of cut-outs and a catalogue of backgrounds on disk, for the tests of stages."""

from dataclasses import replace

import numpy as np

from engine.photos.backgrounds import to_jsonl
from engine.photos.images import encode_png
from engine.photos.library import open_library
from engine.rows.cutout import Cutout
from engine.rows.schema import column_names, to_table
from engine.rows.values import Model
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
            source_sha256=f"{concept}-{photo}",
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


def cutout(number, **changes):
    """A cut-out of a thing of its own, whose pixels all have its number."""
    pixels = np.full((20, 10, 4), number, np.uint8)
    made = Cutout(
        sample_id=f"{number:010d}",
        unit_id=0,
        seed=number,
        concept=f"thing{number}",
        class_name="thing",
        license="CC0-1.0",
        source_sha256="00",
        cutout_id=f"id-{9 - number}",
        image=encode_png(pixels),
        width=10,
        height=20,
        cut_borders=("bottom",),
        quality=0.75,
        models=(Model(name="grabcut", revision="1", license="Apache-2.0"),),
        status="accepted",
    )
    return replace(made, **changes)


def library(folder, *units):
    """A library of units of cut-outs."""
    store = open_store(str(folder))
    for unit_id, rows in enumerate(units):
        table = to_table(Cutout, [replace(row, unit_id=unit_id) for row in rows], column_names(Cutout, stored=True))
        commit_unit(store, unit_id, table, [], attempt=1, timings={})
    return open_library(str(folder))
