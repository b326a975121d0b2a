"""Where toys are photographed: the procedural backdrops of the engine, by number."""

from __future__ import annotations

from engine.compose.backdrops import BACKDROPS

SCENES: tuple[tuple[str, str], ...] = tuple((item.name, item.phrase) for item in BACKDROPS.values())
"""(name, phrase); the phrase completes "a mug ..."."""
