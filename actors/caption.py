"""Writes down what a picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

from engine.library import open_library
from engine.records import Composition
from engine.stage import Run, Stage, Worker
from planners.captions import caption


@final
class Caption(Stage):
    """Name every object and the background, in words and with placeholders for training."""

    name: ClassVar[str] = "caption"
    reads: ClassVar[tuple[str, ...]] = ("cast", "concepts", "background_prompt")
    writes: ClassVar[tuple[str, ...]] = ("caption", "caption_template")

    def load(self, run: Run) -> Worker:
        """A worker that knows the class of every cut-out."""
        classes = {key: item.class_name for key, item in open_library(run.library).cutouts.items()}

        def work(rows: Sequence[Composition]) -> list[object]:
            words = [caption(row.concepts, [classes[key] for key in row.cast], row.background_prompt) for row in rows]
            return [
                replace(row, caption=each.text, caption_template=each.template)
                for row, each in zip(rows, words, strict=True)
            ]

        return work
