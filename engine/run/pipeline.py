"""A pipeline as data: small enough to be sent to every worker, complete enough to be checked before anything starts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from engine.rows.schema import column_names
from engine.run.stage import Run, Stage, check_pipeline, live_columns
from engine.run.unit import Unit


class Source(ABC):
    """Where rows come from: a pure function of the unit's number. Small enough to be sent to every worker."""

    @abstractmethod
    def unit(self, unit_id: int) -> Unit:
        """The unit before the first stage: its planned rows, and why some of them cannot be made."""

    @property
    @abstractmethod
    def planned(self) -> tuple[str, ...]:
        """The columns that are filled before the first stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Everything a worker process needs to know, and nothing that weighs.

    `keeps` are the columns of its shards; none stands for all that the record stores.
    """

    record: type
    run: Run
    run_id: str
    source: Source
    groups: tuple[tuple[Stage, ...], ...]
    unit_size: int
    keeps: tuple[str, ...] = ()

    @property
    def stored(self) -> tuple[str, ...]:
        """The columns of its shards, in the record's order."""
        if not self.keeps:
            return column_names(self.record, stored=True)
        return tuple(name for name in column_names(self.record, stored=False) if name in self.keeps)

    def columns_leaving(self, position: int) -> tuple[str, ...]:
        """The columns that leave group `position`."""
        live = set(live_columns(self.groups, self.stored)[position])
        return tuple(name for name in column_names(self.record, stored=False) if name in live)

    def check(self) -> None:
        """Refuse a pipeline whose stages do not fit together.

        Raises:
            UsageError: names the stage and the column.
        """
        stages = [stage for group in self.groups for stage in group]
        check_pipeline(stages, self.source.planned, column_names(self.record, stored=False))
