"""FiftyOne's format for detections: ``data/<id>.jpg`` and ``labels.json`` (`FiftyOneImageDetectionDataset`)."""

from __future__ import annotations

import json
from typing import Any, final

from engine.dataset.export.rows import Exporter, facts, visible_objects
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.storage.store import Store


@final
class FiftyOne(Exporter):
    """Boxes are x, y, width, height as shares of the picture; caption and scores are attributes of each label."""

    def __init__(self, store: Store, shard_bytes: int, library: Library | None = None) -> None:
        super().__init__(store, shard_bytes, library)
        self._labels: dict[str, list[dict[str, Any]]] = {}
        self._classes: dict[str, int] = {}

    def add(self, row: Composition) -> None:
        self.store.put(f"data/{row.sample_id}.jpg", row.image or b"")
        said = facts(row)
        common = {"caption": said["caption"], **said["scores"]}
        labels = []
        for each in visible_objects(row):
            height, width = each.mask.shape
            left, top, wide, high = each.box
            box = [left / width, top / height, wide / width, high / height]
            known = {"concept": each.item.concept, "identity": each.item.identity, **common}
            label = self._classes.setdefault(each.item.class_name, len(self._classes))
            labels.append({"label": label, "bounding_box": box, "attributes": known})
        self._labels[row.sample_id] = labels

    def close(self) -> None:
        content = {"classes": list(self._classes), "labels": self._labels}
        self.store.put("labels.json", json.dumps(content, ensure_ascii=False).encode())
