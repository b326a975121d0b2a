"""The stage that draws: a base model, or a base with what an artifact taught it, one picture for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

from pydantic import Field

from actors.personalize.draw.drawing import Drawing, draw
from engine.photos.images import encode_jpeg
from engine.rows.generated import GeneratedImage
from engine.run.stage import Run, Stage, Worker


@final
class Draw(Stage):
    """Draw the prompts of rows, each under the seed of its row."""

    name: ClassVar[str] = "draw"
    reads: ClassVar[tuple[str, ...]] = ("prompt", "seed")
    writes: ClassVar[tuple[str, ...]] = ("image", "models")

    base: str = Field(description="folder, shipped:micro/generator, or a hub id")
    revision: str = Field(default="", description="commit of a hub id")
    artifact: str = Field(default="", description="URI of what was trained on it; empty: the base alone")
    artifact_hash: str = Field(default="", description="of its manifest: a resume must not draw with another")
    drawing: Drawing = Field(default=Drawing(), description="how pictures are drawn")

    def load(self, run: Run) -> Worker:
        """A worker that draws `run.size` x `run.size` pictures.

        Raises:
            UsageError: ARTIFACT_BASE, and those of the weights.
            EnvironmentProblem: ARTIFACT_DAMAGED, and those of the weights.
        """
        from actors.personalize.draw.pipelines import open_pipeline

        pipe, models = open_pipeline(self.base, self.revision, self.artifact, self.artifact_hash)

        def work(rows: Sequence[GeneratedImage]) -> list[object]:
            pictures = draw(pipe, [row.prompt for row in rows], [row.seed for row in rows], run.size, self.drawing)
            return [
                replace(row, image=encode_jpeg(picture), models=models)
                for row, picture in zip(rows, pictures, strict=True)
            ]

        return work
