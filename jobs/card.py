"""The dataset card: what the rows are, what made them, under which licences, and how to load them."""

from __future__ import annotations

from collections import Counter

from engine.library import open_library
from engine.recipe import Recipe
from engine.store import Store

PATH = "README.md"

_TEMPLATE = """---
configs:
- config_name: default
  data_files: data/*.parquet
tags:
- synthetic
- image
- mycanvas
---

# Compositions by the recipe `{name}`

Synthetic images: photographed concepts, cut out, laid out and set before another background. {description}.

| | |
|---|---|
| canvas | {size} x {size} |
| seed | {seed} |
| segmentation | {segmenter} |
| painting | {painter} |

```python
from datasets import load_dataset
rows = load_dataset("OUT", split="train")      # OUT is this folder
rows[0]["image"], rows[0]["caption"], rows[0]["objects"]
```

`status` is `accepted` or `rejected` (with `reasons`); rows that could not be made are in `failures/`.

## Licences of the concept photos

{licenses}
"""


def write_card(store: Store, recipe: Recipe, library: str) -> None:
    """Write the card beside the data."""
    counted = Counter(cutout.license for cutout in open_library(library).cutouts.values())
    painters = [stage for stage in recipe.stages if stage.name == "inpaint"]
    text = _TEMPLATE.format(
        name=recipe.name,
        description=recipe.description,
        size=recipe.size,
        seed=recipe.seed,
        segmenter=recipe.segment.model_dump().get("backend", recipe.segment.name),
        painter=painters[0].model_dump().get("backend", "") if painters else "none",
        licenses="\n".join(f"- {name}: {count} cut-outs" for name, count in sorted(counted.items())) or "- none",
    )
    store.put(PATH, text.encode())
