"""Pairs for preference training: of two compositions of one cast the one that was accepted, and one that was not."""

from __future__ import annotations

from typing import Any, ClassVar, final

from engine.dataset.export.image_folder import to_jsonl
from engine.dataset.export.rows import Exporter
from engine.photos.library import Library
from engine.rows.composition import Composition
from engine.rows.values import ACCEPTED
from engine.storage.store import Store


@final
class PreferencePairs(Exporter):
    """``chosen/<n>.jpg``, ``rejected/<n>.jpg`` and ``pairs.jsonl``: the prompt is the caption of the chosen one.

    Rows wait for their counterpart by the set of their concepts, one of each kind and cast in memory. Each row is in
    one pair at most; what finds none is left out.
    """

    keeps_rejected: ClassVar[bool] = True

    def __init__(self, store: Store, shard_bytes: int, library: Library | None = None) -> None:
        super().__init__(store, shard_bytes, library)
        self._waiting: dict[tuple[tuple[str, ...], bool], Composition] = {}
        self._lines: list[dict[str, Any]] = []

    def add(self, row: Composition) -> None:
        cast, good = tuple(sorted(row.concepts)), row.status == ACCEPTED
        other = self._waiting.pop((cast, not good), None)
        if other is None:
            self.left_out += (cast, good) in self._waiting
            self._waiting[cast, good] = row
            return
        chosen, rejected = (row, other) if good else (other, row)
        number = f"{len(self._lines):08d}"
        self.store.put(f"chosen/{number}.jpg", chosen.image or b"")
        self.store.put(f"rejected/{number}.jpg", rejected.image or b"")
        said = {"prompt": chosen.caption, "chosen": f"chosen/{number}.jpg", "rejected": f"rejected/{number}.jpg"}
        self._lines.append({**said, "concepts": list(cast), "reasons": list(rejected.reasons)})

    def close(self) -> None:
        self.left_out += len(self._waiting)
        self.store.put("pairs.jsonl", to_jsonl(self._lines))
