"""Small committed datasets for the tests of the gallery."""

from dataclasses import replace

import numpy as np

from engine.photos.images import encode_jpeg, encode_png
from engine.rows.composition import Composition, PlacedObject
from engine.rows.cutout import Cutout
from engine.rows.schema import column_names, to_table
from engine.rows.values import Model
from engine.storage.commits import FailedRow, commit_unit
from engine.storage.open_store import open_store

SIDE = 96
HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>[/red]\x1b[31m\u2028{{data}}"


def placed(number, concept, psnr):
    """A square object in its own quarter of the canvas."""
    left = 0.1 + 0.4 * number
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[48:72, round(left * SIDE) : round((left + 0.25) * SIDE)] = 255
    return PlacedObject(
        concept=concept,
        class_name="toy",
        cutout_id=f"cut-{number}",
        source_sha256="00",
        license="CC0-1.0",
        box=(left, 0.5, left + 0.25, 0.75),
        mask=encode_png(mask),
        flip=False,
        order=number,
        support="ground",
        relative_size=1.0,
        color_gain=(1.0, 1.0, 1.0),
        color_offset=(0.0, 0.0, 0.0),
        visible_fraction=1.0 - 0.1 * number,
        identity_psnr=psnr,
    )


def composition(index, concepts=("dog", "mug")):
    """Every third row is rejected; `seam` falls and the identity PSNR of the first object rises with the index."""
    rejected = index % 3 == 2
    rng = np.random.default_rng(index)
    pixels = np.full((SIDE, SIDE, 3), rng.integers(40, 220, 3), np.uint8)
    return Composition(
        sample_id=f"{index:010d}",
        unit_id=0,
        seed=2**62 + index,
        concepts=concepts,
        num_objects=len(concepts),
        scene="beach" if index % 2 else "table",
        background_prompt="on a beach",
        background_id="procedural:beach",
        layout_source="solver",
        image=encode_jpeg(pixels),
        caption=f"a {' and a '.join(concepts)} on a beach, number {index}",
        caption_template="a {obj_1} and a {obj_2} on a beach",
        objects=tuple(placed(number, concept, 40.0 + index) for number, concept in enumerate(concepts)),
        seam=0.5 - 0.01 * index,
        models=(Model(name="blend", revision="1", license="Apache-2.0"),),
        status="rejected" if rejected else "accepted",
        reasons=("seam too high",) if rejected else (),
    )


def hostile(index):
    """A row in which every text is an attack."""
    row = composition(index, (HOSTILE, "dog"))
    objects = tuple(
        replace(item, class_name=HOSTILE, license=HOSTILE, cutout_id=HOSTILE, support=HOSTILE) for item in row.objects
    )
    texts = dict.fromkeys(
        ("caption", "caption_template", "scene", "background_prompt", "background_id", "layout_source"), HOSTILE
    )
    models = (Model(name=HOSTILE, revision=HOSTILE, license=HOSTILE),)
    return replace(row, **texts, objects=objects, models=models, status="rejected", reasons=(HOSTILE,))


def cutout(index):
    """A disc over nothing."""
    rows, columns = np.mgrid[:40, :60]
    pixels = np.full((40, 60, 4), (200, 60, 40, 0), np.uint8)
    pixels[..., 3] = np.where((rows - 20) ** 2 + (columns - 30) ** 2 < 18**2, 255, 0)
    return Cutout(
        sample_id=f"{index:010d}",
        unit_id=0,
        seed=index,
        concept="dog",
        class_name="dog",
        image=encode_png(pixels),
        width=60,
        height=40,
        cutout_id=f"cut-{index}",
        quality=0.9,
        status="accepted",
    )


def failed(index, text="the cut-out is empty"):
    """A row that could not be made."""
    sample = f"{index:010d}"
    return FailedRow(
        sample_id=sample, unit_id=0, seed=index, stage="paste", code="CUTOUT_EMPTY", message=text, inputs=text
    )


def commit(folder, rows, failures=(), unit_size=8):
    """Commit the rows in units; the failures belong to the first. Returns the dataset's URI."""
    store = open_store(str(folder))
    record = type(rows[0])
    for unit_id, start in enumerate(range(0, len(rows), unit_size)):
        unit = [replace(row, unit_id=unit_id) for row in rows[start : start + unit_size]]
        table = to_table(record, unit, column_names(record, stored=True))
        commit_unit(store, unit_id, table, failures if unit_id == 0 else (), attempt=1, timings={})
    return str(folder)
