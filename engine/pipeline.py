"""A pipeline as data: small enough to be sent to every worker, complete enough to be checked before anything starts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from engine.records import Failure
from engine.schema import column_names
from engine.stage import Run, Stage, check_pipeline, live_columns


class Source(ABC):
    """Where rows come from: a pure function of the unit's number. Small enough to be sent to every worker."""

    @abstractmethod
    def rows(self, unit_id: int) -> list[Any]:
        """The planned rows of a unit, ids and seeds filled."""

    def failures(self, unit_id: int) -> tuple[Failure | None, ...]:
        """Why rows of a unit cannot be made, known before any stage; one for each row, or none at all."""
        del unit_id
        return ()

    @property
    @abstractmethod
    def planned(self) -> tuple[str, ...]:
        """The columns that are filled before the first stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Everything a worker process needs to know, and nothing that weighs."""

    record: type
    run: Run
    run_id: str
    source: Source
    groups: tuple[tuple[Stage, ...], ...]
    unit_size: int

    def leaving(self, position: int) -> tuple[str, ...]:
        """The columns that leave group `position`."""
        stored = column_names(self.record, stored=True)
        live = set(live_columns(self.groups, stored)[position])
        return tuple(name for name in column_names(self.record, stored=False) if name in live)

    def check(self) -> None:
        """Refuse a pipeline whose stages do not fit together.

        Raises:
            UsageError: names the stage and the column.
        """
        stages = [stage for group in self.groups for stage in group]
        check_pipeline(stages, self.source.planned, column_names(self.record, stored=False))
