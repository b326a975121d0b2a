"""Small datasets for the tests of the commit layer: rows that follow from their number alone."""

import numpy as np

from engine.rows.composition import Composition, PlacedObject
from engine.rows.schema import column_names, to_table
from engine.seeds import sample_id, sample_seed
from engine.storage.commits import FailedRow, commit_unit
from engine.storage.extents import extend
from engine.storage.lock import claim
from engine.storage.manifest import write_manifest

COLUMNS = column_names(Composition, stored=True)


def row(index, unit_id, size=2000):
    """One stored row with `size` bytes in place of a picture; every third is rejected."""
    rng = np.random.default_rng(index)
    placed = PlacedObject(
        concept="mug",
        class_name="mug",
        cutout_id="cut-0",
        source_sha256="00",
        license="CC0-1.0",
        box=(0.1, 0.1, 0.5, 0.5),
        mask=rng.bytes(60),
        flip=False,
        order=0,
        support="ground",
        relative_size=1.0,
        color_gain=(1.0, 1.0, 1.0),
        color_offset=(0.0, 0.0, 0.0),
        visible_fraction=1.0,
        identity_psnr=41.5,
    )
    return Composition(
        sample_id=sample_id(index),
        unit_id=unit_id,
        seed=sample_seed(7, sample_id(index)),
        image=rng.bytes(size),
        caption=f"a mug, number {index}",
        concepts=("mug",),
        objects=(placed,),
        status="rejected" if index % 3 == 2 else "accepted",
    )


def failed(index, unit_id, message="cannot be decoded"):
    """The same row, had it failed."""
    name = sample_id(index)
    return FailedRow(
        sample_id=name,
        unit_id=unit_id,
        seed=sample_seed(7, name),
        stage="paste",
        code="IMAGE_UNREADABLE",
        message=message,
    )


def unit(unit_id, start, stop, size=2000):
    """The table and the failures of a unit; every seventh row fails."""
    good = [row(index, unit_id, size) for index in range(start, stop) if index % 7 != 6]
    bad = [failed(index, unit_id) for index in range(start, stop) if index % 7 == 6]
    return to_table(Composition, good, COLUMNS), bad


def commit(store, unit_id, start, stop, size=2000):
    """Commit such a unit."""
    table, failures = unit(unit_id, start, stop, size)
    return commit_unit(store, unit_id, table, failures, attempt=1, timings={"paste": 0.25})


def make_run(store, samples=12, unit_size=4, size=2000, units=None):
    """A whole run, finished; with `units`, one of which these are committed and summarised."""
    claim(store, {"data": {"recipe": {"size": 512}, "seed": 7}, "versions": {"pyarrow": "26"}})
    store.create("backgrounds.jsonl", b'{"background_id": "procedural:table"}\n')
    extents = extend(store, samples, unit_size)
    for unit_id in range(extents.units) if units is None else units:
        commit(store, unit_id, *extents.span(unit_id), size)
    store.put("README.md", b"---\nconfigs:\n- config_name: default\n  data_files: data/*.parquet\n---\n# card\n")
    write_manifest(store)
