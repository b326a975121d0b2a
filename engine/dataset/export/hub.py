"""A repository for the Hugging Face hub: ``data/train-00000.parquet``, … and a card."""

from __future__ import annotations

from typing import final

from engine.dataset.export.hub_licenses import hub_licenses
from engine.dataset.export.rows import Exporter
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.rows.schema import column_names, to_table
from engine.storage.parquet import write_table
from engine.storage.store import Store

CARD = """---
license:
{licenses}
configs:
- config_name: default
  data_files:
  - split: train
    path: data/*.parquet
tags:
- synthetic
- image
- mycanvas
---

# {rows:,} synthetic compositions

Photographed concepts, cut out, laid out and set before another background. Each row names the licence of every photo
and the commit or hash of every model that had a hand in it.
"""


@final
class Hub(Exporter):
    """Shards of about `shard_bytes` with every column of the record; the card says how many, and their licences."""

    def __init__(self, store: Store, shard_bytes: int, library: Library | None = None) -> None:
        super().__init__(store, shard_bytes, library)
        self._rows: list[Composition] = []
        self._bytes = self._number = self._written = 0
        self._licenses: dict[str, None] = {}

    def add(self, row: Composition) -> None:
        size = len(row.image or b"") + sum(len(item.mask) for item in row.objects)
        if self._rows and self._bytes + size > self.shard_bytes:
            self._flush()
        self._rows.append(row)
        self._bytes += size
        self._written += 1
        self._licenses.update(dict.fromkeys(item.license for item in row.objects))

    def close(self) -> None:
        if self._rows:
            self._flush()
        licenses = "\n".join(f"- {name}" for name in hub_licenses(self._licenses))
        self.store.put("README.md", CARD.format(licenses=licenses, rows=self._written).encode())

    def _flush(self) -> None:
        table = to_table(Composition, self._rows, column_names(Composition, stored=True))
        self.store.put(f"data/train-{self._number:05d}.parquet", write_table(table, metadata={}))
        self._rows, self._bytes, self._number = [], 0, self._number + 1
