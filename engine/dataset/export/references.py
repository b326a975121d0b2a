"""Ordered reference sets: each composition as a target, and a picture of each of its subjects as an input.

The inputs show the subjects as other photos than the pasted ones do, so that a model cannot learn to paste.
"""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np

from engine.compose.paste import over
from engine.dataset.export.image_folder import to_jsonl
from engine.dataset.export.rows import Exporter
from engine.photos.images import encode_jpeg
from engine.photos.library import Library
from engine.rows.composition import Composition, PlacedObject
from engine.storage.store import Store


@final
class ReferenceSets(Exporter):
    """``target/<id>.jpg``, ``input1/<id>.jpg``, ``input2/…`` in the order of the caption, on white, and ``sets.jsonl``.

    A composition in which a subject has no other photo is left out.
    """

    needs_library: ClassVar[bool] = True

    def __init__(self, store: Store, shard_bytes: int, library: Library | None = None) -> None:
        super().__init__(store, shard_bytes, library)
        self._lines: list[dict[str, Any]] = []

    def add(self, row: Composition) -> None:
        others = [self._other_photo(item) for item in row.objects]
        if any(other is None for other in others):
            self.left_out += 1
            return
        inputs = [f"input{place}/{row.sample_id}.jpg" for place in range(1, len(others) + 1)]
        for name, other in zip(inputs, others, strict=True):
            self.store.put(name, self._on_white(str(other)))
        self.store.put(f"target/{row.sample_id}.jpg", row.image or b"")
        classes = [item.class_name for item in row.objects]
        said = {"target": f"target/{row.sample_id}.jpg", "inputs": inputs, "caption": row.caption}
        self._lines.append({**said, "concepts": list(row.concepts), "classes": classes})

    def close(self) -> None:
        self.store.put("sets.jsonl", to_jsonl(self._lines))

    def _other_photo(self, item: PlacedObject) -> str | None:
        """The first cut-out by id of the same concept from another photo."""
        assert self.library is not None
        found = (
            key
            for key, info in sorted(self.library.cutouts.items())
            if info.concept == item.concept and info.source_sha256 != item.source_sha256
        )
        return next(found, None)

    def _on_white(self, cutout_id: str) -> bytes:
        assert self.library is not None
        cutout = self.library.pixels(cutout_id)
        return encode_jpeg(over(cutout, np.full((*cutout.shape[:2], 3), 255, np.uint8)))
