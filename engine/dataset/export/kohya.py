"""sd-scripts of kohya: pictures with a caption file each, masks under the same names, and a ``dataset.toml``."""

from __future__ import annotations

from typing import final

from engine.dataset.export.rows import Exporter, union_mask
from engine.rows.composition import Composition

TOML = """# accelerate launch sdxl_train_network.py --dataset_config dataset.toml --masked_loss …
[general]
caption_extension = ".txt"
shuffle_caption = false

[[datasets]]
resolution = {side}
batch_size = 1

  [[datasets.subsets]]
  image_dir = "images"
  conditioning_data_dir = "masks"   # white is learnt: the subjects
  num_repeats = 1
"""


@final
class Kohya(Exporter):
    """``images/<id>.jpg`` and ``.txt``, ``masks/<id>.png``, white where any object can be seen."""

    _side = 512

    def add(self, row: Composition) -> None:
        mask, side = union_mask(row)
        self._side = side
        self.store.put(f"images/{row.sample_id}.jpg", row.image or b"")
        self.store.put(f"images/{row.sample_id}.txt", row.caption.encode())
        self.store.put(f"masks/{row.sample_id}.png", mask)

    def close(self) -> None:
        self.store.put("dataset.toml", TOML.format(side=self._side).encode())
