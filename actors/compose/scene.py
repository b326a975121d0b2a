"""Decides who appears in a picture, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Self, final

from pydantic import Field, model_validator

from engine.errors import UsageError
from engine.photos.backgrounds import read_catalogue
from engine.photos.cast import open_cast
from engine.rows.composition import Composition
from engine.run.stage import Run, Stage, Worker
from engine.storage.open_store import open_store
from planners.compose.casting import ensembles, one_of
from planners.compose.scenes import plan_scene


@final
class Scene(Stage):
    """Cast concepts that go together, one cut-out each, before a background."""

    name: ClassVar[str] = "scene"
    reads: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("library", "backgrounds")
    writes: ClassVar[tuple[str, ...]] = (
        "concepts", "num_objects", "scene", "background_prompt", "background_id", "ground_line", "cast",
    )  # fmt: skip

    min_objects: int = Field(default=2, ge=2, le=5, description="fewest objects; less where nothing else fits in size")
    max_objects: int = Field(default=5, ge=2, le=5, description="most objects")

    min_quality: float = Field(
        default=0.62, ge=0, le=1, description="cut-outs that their segmenter trusts less do not appear"
    )

    own_backgrounds: bool = Field(
        default=False, description="without --backgrounds: the photos themselves, with their subjects taken out"
    )
    phrases: tuple[str, ...] = Field(
        default=(), description="places to look for among indexed backgrounds; empty: every background as it is"
    )
    together: tuple[tuple[str, ...], ...] = Field(
        default=(), description="groups of classes that appear together; what no group names is a group of its own"
    )
    shortlist: int = Field(default=8, ge=1, le=1024, description="backgrounds that a phrase may have")
    diversity: float = Field(
        default=0.3, ge=0, le=1, description="0: those that fit the phrase best; 1: those that differ most"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_objects > self.max_objects:
            raise ValueError("min_objects must not be more than max_objects")
        return self

    def load(self, run: Run) -> Worker:
        """A worker over the run's library and backgrounds; the library's index is prepared once.

        Raises:
            UsageError: TOO_FEW_CONCEPTS, NO_BACKGROUNDS.
        """
        castings = ensembles(open_cast(run.out, run.library).cutouts, self.together)
        backgrounds = read_catalogue(open_store(run.out))
        if not backgrounds:
            raise UsageError("NO_BACKGROUNDS", "the run has no background", where=run.out, fix="give --backgrounds")

        def work(rows: Sequence[Composition]) -> list[object]:
            plans = [
                plan_scene(row.seed, one_of(castings, row.seed), backgrounds, self.min_objects, self.max_objects)
                for row in rows
            ]
            return [
                replace(
                    row,
                    concepts=plan.concepts,
                    num_objects=len(plan.concepts),
                    scene=plan.scene,
                    background_prompt=plan.background_prompt,
                    background_id=plan.background_id,
                    ground_line=plan.ground_line,
                    cast=plan.cast,
                )
                for row, plan in zip(rows, plans, strict=True)
            ]

        return work
