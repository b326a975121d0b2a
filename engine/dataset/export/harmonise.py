"""Harmonisation pairs: the composition with its subjects in the light of their own photos, and as it is.

Folders are named as those of iHarmony4 (Cong et al., "DoveNet", 2020): `composite_images`, `masks`, `real_images`.
"""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np

from engine.compose.paste import fit_cutout, window
from engine.dataset.export.image_folder import to_jsonl
from engine.dataset.export.rows import Exporter, union_mask
from engine.photos.images import decode, encode_jpeg
from engine.photos.library import Library
from engine.rows.composition import Composition, PlacedObject, Placement
from engine.rows.values import Pixels
from engine.storage.store import Store


@final
class HarmonisePairs(Exporter):
    """``composite_images/<id>.jpg``, ``masks/<id>.png``, ``real_images/<id>.jpg`` and ``pairs.jsonl``."""

    needs_library: ClassVar[bool] = True

    def __init__(self, store: Store, shard_bytes: int, library: Library | None = None) -> None:
        super().__init__(store, shard_bytes, library)
        self._lines: list[dict[str, Any]] = []

    def add(self, row: Composition) -> None:
        names = [f"{folder}/{row.sample_id}" for folder in ("composite_images", "masks", "real_images")]
        composite, mask, real = f"{names[0]}.jpg", f"{names[1]}.png", f"{names[2]}.jpg"
        self.store.put(composite, encode_jpeg(self._as_pasted(row)))
        self.store.put(mask, union_mask(row)[0])
        self.store.put(real, row.image or b"")
        said = {"composite": composite, "mask": mask, "real": real, "caption": row.caption}
        self._lines.append(said)

    def close(self) -> None:
        self.store.put("pairs.jsonl", to_jsonl(self._lines))

    def _as_pasted(self, row: Composition) -> Pixels:
        """The stored picture with the pixels of its cut-outs laid over it, where they can be seen, far to near."""
        picture = decode(row.image or b"").astype(np.float32)
        for item in sorted(row.objects, key=lambda each: each.order):
            self._lay(picture, item)
        return np.asarray(np.clip(picture + 0.5, 0, 255), np.uint8)

    def _lay(self, picture: np.ndarray[Any, np.dtype[np.float32]], item: PlacedObject) -> None:
        assert self.library is not None
        size = picture.shape[0]
        placement = Placement(
            cutout_id=item.cutout_id, box=item.box, flip=item.flip, order=item.order, support=item.support,
            relative_size=item.relative_size,
        )  # fmt: skip
        rows, columns = window(placement, size)
        patch = fit_cutout(self.library.pixels(item.cutout_id), placement, size)[..., :3].astype(np.float32)
        seen = (decode(item.mask)[rows, columns].astype(np.float32) / 255)[..., None]
        picture[rows, columns] += (patch - picture[rows, columns]) * seen
