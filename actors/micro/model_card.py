"""Saving parts of the family: their model cards, from which `actors.models.weights.identify` reads the licence."""

from __future__ import annotations

import logging
from pathlib import Path


def write_card(folder: Path, title: str, text: str) -> None:
    """Write ``README.md`` with the licence where the hub and this engine look for it."""
    card = f"---\nlicense: apache-2.0\ntags: [mycanvas, toybox]\n---\n\n# {title}\n\n{text}\n"
    (folder / "README.md").write_text(card, encoding="utf-8")


def quiet() -> None:
    """No progress bars, and no remarks on the precision in which weights are saved."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    logging.getLogger("diffusers.models.modeling_utils").setLevel(logging.ERROR)
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
