"""A phase of a recipe: stages that fill the rows of one source, committed together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field

from engine.run.pool import COMMIT, Pool
from engine.run.stage import Spec, Stage


class Phase(Spec):
    """Stages that fill the rows of one source. It is a run of its own, or goes on with the rows of an earlier phase."""

    name: str
    record: str = Field("", description="kind of row, such as `composition`; empty: that of the phase it goes on with")
    source: str = Field(description="`photos`, `samples`, or an earlier phase, whose rows go on here")
    unit_size: int | None = Field(
        None, ge=1, le=4096, description="samples per unit of this phase; none: the recipe's `unit_size`"
    )
    stages: tuple[Stage, ...] = Field(min_length=1)

    def after(self, earlier: Self) -> Self:
        """This phase and the one whose rows it goes on with, as one."""
        return self.model_copy(
            update={
                "record": self.record or earlier.record,
                "source": earlier.source,
                "unit_size": self.unit_size or earlier.unit_size,
                "stages": (*earlier.stages, *self.stages),
            }
        )

    def stage_names(self) -> tuple[str, ...]:
        """The names of its stages, in order."""
        return tuple(stage.name for stage in self.stages)

    def columns(self) -> tuple[str, ...]:
        """The columns that its stages write, in order."""
        return tuple(column for stage in self.stages for column in stage.writes)

    def affects_data(self) -> dict[str, Any]:
        """What of its stages decides the rows, by stage."""
        return {stage.name: stage.affects_data() for stage in self.stages}

    def groups(self, pools: Sequence[Pool]) -> tuple[tuple[Stage, ...], ...]:
        """Its stages, as its pools share them out; a pool may hold nothing but the commit."""
        by_name = {stage.name: stage for stage in self.stages}
        return tuple(tuple(by_name[name] for name in pool.stages if name != COMMIT) for pool in pools)
