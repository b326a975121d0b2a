"""WebDataset: tar files in which ``<id>.jpg``, ``<id>.txt`` and ``<id>.json`` are one sample."""

from __future__ import annotations

import io
import json
import tarfile
from typing import final

from engine.dataset.export.rows import Exporter, facts
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.storage.store import Store


@final
class WebDataset(Exporter):
    """Shards of about `shard_bytes`; the same rows give the same bytes."""

    def __init__(self, store: Store, shard_bytes: int, library: Library | None = None) -> None:
        super().__init__(store, shard_bytes, library)
        self._number = 0
        self._open()

    def add(self, row: Composition) -> None:
        image = row.image or b""
        if self._sink.tell() and self._sink.tell() + len(image) > self.shard_bytes:
            self._flush()
        self._member(f"{row.sample_id}.jpg", image)
        self._member(f"{row.sample_id}.txt", row.caption.encode())
        self._member(f"{row.sample_id}.json", json.dumps(facts(row), ensure_ascii=False).encode())

    def close(self) -> None:
        if self._sink.tell():
            self._flush()

    def _open(self) -> None:
        self._sink = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._sink, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115

    def _flush(self) -> None:
        self._tar.close()
        self.store.put(f"shard-{self._number:06d}.tar", self._sink.getbuffer())
        self._number += 1
        self._open()

    def _member(self, name: str, data: bytes) -> None:
        entry = tarfile.TarInfo(name)  # its time is 1970, its owner nobody: nothing of this machine
        entry.size = len(data)
        self._tar.addfile(entry, io.BytesIO(data))
