"""Large datasets to choose from: rows as `compose` writes them, drawn scores, images of random bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from engine.rows.composition import Composition, PlacedObject
from engine.rows.schema import column_names, to_table
from engine.rows.values import ACCEPTED, REJECTED, Model
from engine.seeds import sample_id
from engine.storage.commits import commit_unit
from engine.storage.manifest import write_manifest
from engine.storage.open_store import open_store

CONCEPTS = tuple(f"{name}{number}" for name in ("dog", "cat", "mug", "vase", "teapot") for number in range(8))
SCENES = ("beach", "table", "kitchen", "moon", "garden", "terrace", "studio", "street")
MODELS = tuple(Model(name=f"org/{name}", revision=name[0] * 40, license="mit") for name in ("clip", "dino", "painter"))
SCORES = ("clip_score", "ti_clip", "cp_clip", "cp_clip_assigned", "seam")
BLOCK = 1000  # rows that are built one by one; units repeat them with other scores


def write_dataset(uri: str | Path, *, units: int, unit_rows: int, image_bytes: int, summary: bool = True) -> None:
    """Commit `units` units of `unit_rows` rows each, one row in ten rejected; random bytes are no pictures."""
    store = open_store(str(uri))
    draw = np.random.default_rng(0)
    block = _block(draw, BLOCK)
    for unit in range(units):
        table = block.take(draw.integers(0, BLOCK, unit_rows))
        for name, values in _drawn(draw, unit, unit_rows, image_bytes).items():
            table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), values)
        commit_unit(store, unit, table, [], attempt=1, timings={})
    if summary:
        write_manifest(store)


_COLUMNS = column_names(Composition, stored=True)


def rows_block(rows: int) -> pa.Table:
    """Rows of which a unit can be made: each has its own objects, none a picture."""
    return _block(np.random.default_rng(0), rows)


def _block(draw: np.random.Generator, rows: int) -> pa.Table:
    return to_table(Composition, [_row(draw, number) for number in range(rows)], _COLUMNS)


def _drawn(draw: np.random.Generator, unit: int, rows: int, image_bytes: int) -> dict[str, pa.Array]:
    first = unit * rows
    images = [{"bytes": draw.bytes(image_bytes), "path": None} for _ in range(rows)]
    return {
        "sample_id": pa.array([sample_id(first + row) for row in range(rows)]),
        "unit_id": pa.array(np.full(rows, unit)),
        "seed": pa.array(draw.integers(0, 1 << 62, rows)),
        "status": pa.array(np.where(draw.random(rows) < 0.1, REJECTED, ACCEPTED)),
        "image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        **{name: pa.array(draw.normal(0.28, 0.05, rows)) for name in SCORES},
    }


def _row(draw: np.random.Generator, number: int) -> Composition:
    names = tuple(str(name) for name in draw.choice(CONCEPTS, draw.integers(2, 6), replace=False))
    scene = str(draw.choice(SCENES))
    objects = tuple(_object(draw, name, order) for order, name in enumerate(names))
    return Composition(
        sample_id=sample_id(number), unit_id=0, seed=number, concepts=names, num_objects=len(names), scene=scene,
        background_prompt=f"on the {scene}", background_id=f"procedural:{scene}", ground_line=0.5, image=b"",
        layout_source="solver", caption=f"a photo of {' and '.join(names)} on the {scene}", caption_source="template",
        caption_template=" and ".join(f"{{obj_{place}}}" for place in range(1, len(names) + 1)), objects=objects,
        layout_valid=True, seam=0.1, clip_score=0.3, ti_clip=0.2, cp_clip=0.6, cp_clip_assigned=0.6,
        object_recall=float(draw.random()), surplus=int(draw.integers(0, 3)), models=MODELS, status=ACCEPTED,
    )  # fmt: skip


def _object(draw: np.random.Generator, name: str, order: int) -> PlacedObject:
    return PlacedObject(
        concept=name, class_name=name.rstrip("0123456789"), cutout_id=draw.bytes(8).hex(), license="CC0-1.0",
        source_sha256=draw.bytes(32).hex(), box=tuple(draw.random(4).tolist()), mask=draw.bytes(64), flip=False,
        order=order, support="ground", relative_size=float(draw.uniform(0.4, 1)), visible_fraction=1.0,
        identity_psnr=float(draw.normal(40, 3)), identity=float(draw.uniform(0.2, 0.95)),
        detection=float(draw.random()), color_gain=(1.0, 1.0, 1.0), color_offset=(0.0, 0.0, 0.0),
    )  # fmt: skip
