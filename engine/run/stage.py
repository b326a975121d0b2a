"""The stage seam: a spec that is frozen, weight-free data, and a worker that the spec loads where it will run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from engine.errors import UsageError

Worker = Callable[[Sequence[Any]], Sequence[object]]
"""Rows in, one answer per row out: the row with this stage's columns filled, or a `SampleError` in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What every worker of a run shares: where things are, never the things themselves."""

    out: str
    library: str
    size: int


class Spec(BaseModel):
    """Frozen configuration: unknown keys are errors, fields carry their own help."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


PLACEMENT: JsonDict = {"placement": True}
"""Marks a field (as `json_schema_extra`) that says how long or where work is done, and not what it makes."""


class Timed(Spec):
    """A spec of work that may hang."""

    timeout_s: float = Field(
        600.0,
        gt=0,
        le=31_536_000,
        description="a batch that takes longer ends its process and is isolated",
        json_schema_extra=PLACEMENT,
    )

    def affects_data(self, *, besides: Collection[str] = ()) -> dict[str, Any]:
        """The fields on which rows depend: all but those of placement and those named in `besides`; JSON values."""
        placed = {name for name, field in type(self).model_fields.items() if field.json_schema_extra == PLACEMENT}
        return self.model_dump(mode="json", exclude=placed | set(besides))


class Stage(Timed, ABC):
    """One step of a pipeline. Its fields are its configuration; `load` is the only place where weights appear."""

    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]]
    writes: ClassVar[tuple[str, ...]]
    needs: ClassVar[tuple[str, ...]] = ()
    """What its worker finds beside the run: `library`, `backgrounds`."""

    batch_size: int = Field(16, ge=1, description="rows per call of the worker; never more than a unit holds")

    @abstractmethod
    def load(self, run: Run) -> Worker:
        """Build the worker in the process where it will run."""


def check_pipeline(stages: Sequence[Stage], planned: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse a pipeline in which a column is read before it is written, written twice, or unknown.

    Args:
        stages: in order of execution.
        planned: columns that the plan fills before the first stage.
        columns: every column of the record.

    Raises:
        UsageError: names the stage and the column.
    """
    written = dict.fromkeys(planned, "plan")
    for stage in stages:
        for column in (*stage.reads, *stage.writes):
            if column not in columns:
                raise UsageError("PIPELINE_COLUMN", f"stage {stage.name!r} names an unknown column {column!r}")
        for column in stage.reads:
            if column not in written:
                raise UsageError(
                    "PIPELINE_ORDER",
                    f"stage {stage.name!r} reads {column!r}, which no earlier stage writes",
                    fix="move it behind the stage that writes the column",
                )
        for column in stage.writes:
            if column in written:
                raise UsageError(
                    "PIPELINE_TWICE", f"{column!r} is written by {written[column]!r} and again by {stage.name!r}"
                )
            written[column] = stage.name


def live_columns(groups: Sequence[Sequence[Stage]], stored: Sequence[str]) -> list[tuple[str, ...]]:
    """For each group of stages, the columns that must leave it: stored ones, and those that a later group reads."""
    live = []
    for position in range(1, len(groups) + 1):
        later = {column for stages in groups[position:] for stage in stages for column in stage.reads}
        made = {column for stages in groups[:position] for stage in stages for column in stage.writes}
        live.append(tuple(sorted(later & made | set(stored))))
    return live
