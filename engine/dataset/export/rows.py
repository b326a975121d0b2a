"""What every format needs of a row: its picture, its words, and where each object is in pixels."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.metrics.table import table_of
from engine.photos.images import decode, encode_png
from engine.photos.library import Library
from engine.rows.composition import Composition, PlacedObject
from engine.storage.store import Store


class Exporter(ABC):
    """Takes rows of one kind in order, writes files below a store, and finishes with what lists them."""

    record: ClassVar[type] = Composition
    needs_library: ClassVar[bool] = False
    keeps_rejected: ClassVar[bool] = False

    def __init__(self, store: Store, shard_bytes: int, library: Library | None = None) -> None:
        self.store, self.shard_bytes, self.library = store, shard_bytes, library
        self.left_out = 0
        """Rows that the format has no place for."""

    @abstractmethod
    def add(self, row: Composition) -> None:
        """Take a row."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it can be seen: its visible mask, HxW bool, and the box of that in pixels, x, y, width, height."""

    item: PlacedObject
    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]


def visible_objects(row: Composition) -> list[Seen]:
    """The objects of a row that can be seen at all."""
    found = []
    for item in row.objects:
        mask = decode(item.mask) >= 128
        lines, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(lines):
            left, top = int(columns[0]), int(lines[0])
            box = (left, top, int(columns[-1]) - left + 1, int(lines[-1]) - top + 1)
            found.append(Seen(item, mask, box))
    return found


def union_mask(row: Composition) -> tuple[bytes, int]:
    """A PNG, white where any object can be seen, and the side of the picture in pixels."""
    masks = [decode(item.mask) for item in row.objects]
    side = decode(row.image or b"").shape[0]
    union = np.max(masks, axis=0) if masks else np.zeros((side, side), np.uint8)
    return encode_png(np.asarray(union, np.uint8)), side


def facts(row: Composition) -> dict[str, Any]:
    """What a row says without its picture and masks, as JSON values; scores that nobody measured are left out."""
    shown = [spec for spec in table_of(type(row)).values() if "export" in spec.views]
    measured = {spec.column: value for spec in shown if not spec.group for value in spec.values(row)}
    scores = {name: value for name, value in measured.items() if math.isfinite(value)}  # JSON knows no others
    of_objects = sorted(spec.column for spec in shown if spec.group)
    objects = [
        {
            "concept": item.concept, "class_name": item.class_name, "box": list(item.box), "license": item.license,
            "source_sha256": item.source_sha256, **{name: getattr(item, name) for name in of_objects},
        }
        for item in row.objects
    ]  # fmt: skip
    models = [f"{model.name}@{model.revision} ({model.license})" for model in row.models]
    return {
        "sample_id": row.sample_id, "caption": row.caption, "caption_template": row.caption_template,
        "background_prompt": row.background_prompt, "scene": row.scene, "concepts": list(row.concepts),
        "objects": objects, "scores": scores, "status": row.status, "seed": row.seed, "models": models,
    }  # fmt: skip
