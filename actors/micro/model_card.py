"""Saving parts of the family: their model cards, from which `actors.models.weights.identify` reads the licence."""

from __future__ import annotations

from pathlib import Path


def write_card(folder: Path, title: str, text: str) -> None:
    """Write ``README.md`` with the licence where the hub and this engine look for it."""
    card = f"---\nlicense: apache-2.0\ntags: [mycanvas, toybox]\n---\n\n# {title}\n\n{text}\n"
    (folder / "README.md").write_text(card, encoding="utf-8")
