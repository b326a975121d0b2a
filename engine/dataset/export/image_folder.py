"""An image folder as the trainers of diffusers read it with ``--train_data_dir``, and masks beside it."""

from __future__ import annotations

import json
from typing import Any, final

from engine.dataset.export.rows import Exporter, union_mask
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.storage.store import Store


@final
class ImageFolder(Exporter):
    """``train/<id>.jpg``, ``train/metadata.jsonl`` with `file_name` and `text`, ``masks/<id>.png``."""

    def __init__(self, store: Store, shard_bytes: int, library: Library | None = None) -> None:
        super().__init__(store, shard_bytes, library)
        self._lines: list[dict[str, Any]] = []

    def add(self, row: Composition) -> None:
        name = f"{row.sample_id}.jpg"
        self.store.put(f"train/{name}", row.image or b"")
        self.store.put(f"masks/{row.sample_id}.png", union_mask(row)[0])
        self._lines.append({"file_name": name, "text": row.caption, "concepts": list(row.concepts)})

    def close(self) -> None:
        self.store.put("train/metadata.jsonl", to_jsonl(self._lines))


def to_jsonl(lines: list[dict[str, Any]]) -> bytes:
    """One JSON object a line."""
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
