"""COCO: pictures in a folder, and one JSON of boxes, masks and captions (https://cocodataset.org/#format-data)."""

from __future__ import annotations

import json
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from engine.dataset.export.rows import Exporter, Seen, visible_objects
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.storage.store import Store


@final
class Coco(Exporter):
    """``images/<id>.jpg``, ``instances.json`` and ``captions.json``; categories are classes, in order of appearance."""

    def __init__(self, store: Store, shard_bytes: int, library: Library | None = None) -> None:
        super().__init__(store, shard_bytes, library)
        self._images: list[dict[str, Any]] = []
        self._objects: list[dict[str, Any]] = []
        self._captions: list[dict[str, Any]] = []
        self._classes: dict[str, int] = {}

    def add(self, row: Composition) -> None:
        self.store.put(f"images/{row.sample_id}.jpg", row.image or b"")
        number = len(self._images) + 1
        objects = visible_objects(row)
        height, width = objects[0].mask.shape if objects else (0, 0)
        self._images.append({"id": number, "file_name": f"{row.sample_id}.jpg", "height": height, "width": width})
        self._captions.append({"id": number, "image_id": number, "caption": row.caption})
        self._objects += [self._annotation(each, number, place) for place, each in enumerate(objects, 1)]

    def close(self) -> None:
        categories = [{"id": number, "name": name} for name, number in self._classes.items()]
        about = {"description": "composed by mycanvas; synthetic"}
        instances = {"info": about, "images": self._images, "annotations": self._objects, "categories": categories}
        captions = {"info": about, "images": self._images, "annotations": self._captions}
        self.store.put("instances.json", json.dumps(instances, ensure_ascii=False).encode())
        self.store.put("captions.json", json.dumps(captions, ensure_ascii=False).encode())

    def _annotation(self, each: Seen, image: int, place: int) -> dict[str, Any]:
        category = self._classes.setdefault(each.item.class_name, len(self._classes) + 1)
        return {
            "id": image * 100 + place, "image_id": image, "category_id": category, "bbox": list(each.box),
            "area": int(each.mask.sum()), "iscrowd": 0, "concept": each.item.concept,
            "segmentation": {"size": list(each.mask.shape), "counts": run_lengths(each.mask)},
        }  # fmt: skip


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """COCO's uncompressed run lengths of an HxW mask: column by column, pixels outside first."""
    flat = np.concatenate(([0], mask.ravel(order="F").astype(np.int8)))
    edges = np.flatnonzero(np.diff(flat))
    return [int(length) for length in np.diff(np.concatenate(([0], edges, [mask.size])))]
