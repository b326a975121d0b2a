"""Decides where everything stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Protocol, final

from pydantic import AfterValidator, Field

from engine.errors import SampleError
from engine.library import CutoutInfo, open_library
from engine.records import Composition, Placement
from engine.registry import Registry
from engine.stage import Run, Stage, Worker
from planners.layout import solve


class LayoutPlanner(Protocol):
    """Places the casts of many rows at once: a language model answers a whole batch in the time of one."""

    def plan(self, rows: Sequence[Composition]) -> Sequence[tuple[Placement, ...] | SampleError]:
        """One layout a row, farthest object first, or why there is none. Reads cast, concepts, ground_line and seed."""


LAYOUT_PLANNERS: Registry[Callable[[Layout, Mapping[str, CutoutInfo]], LayoutPlanner]] = Registry(
    "layout planner", {"solver": "actors.layout:Solver"}
)


@final
@dataclass(frozen=True, slots=True)
class Solver:
    """The planner that needs no model: `planners.layout.solve` for each row."""

    spec: Layout
    cutouts: Mapping[str, CutoutInfo]

    def plan(self, rows: Sequence[Composition]) -> list[tuple[Placement, ...] | SampleError]:
        """Pure and seeded: the same row gives the same layout."""
        return [self._place(row) for row in rows]

    def _place(self, row: Composition) -> tuple[Placement, ...] | SampleError:
        try:
            cast = [self.cutouts[cutout_id] for cutout_id in row.cast]
            return solve(row.seed, cast, row.ground_line, mirror=self.spec.mirror)
        except SampleError as error:
            return error


@final
class Layout(Stage):
    """Give every cut-out of the cast a box, a depth and something to stand on."""

    name: ClassVar[str] = "layout"
    reads: ClassVar[tuple[str, ...]] = ("cast", "concepts", "ground_line")
    writes: ClassVar[tuple[str, ...]] = ("placements", "layout_source")

    planner: Annotated[str, AfterValidator(LAYOUT_PLANNERS.known)] = Field(
        default="solver", description="who plans: " + ", ".join(LAYOUT_PLANNERS)
    )
    mirror: bool = Field(default=False, description="mirror every other cut-out; lettering and clock faces lose by it")

    def load(self, run: Run) -> Worker:
        """A worker with the planner of that name over the run's library.

        Raises:
            UsageError: BACKEND_UNKNOWN.
        """
        planner = LAYOUT_PLANNERS.resolve(self.planner)(self, open_library(run.library).cutouts)

        def work(rows: Sequence[Composition]) -> list[object]:
            answers = planner.plan(rows)
            return [_answer(row, answer, self.planner) for row, answer in zip(rows, answers, strict=True)]

        return work


def _answer(row: Composition, answer: tuple[Placement, ...] | SampleError, source: str) -> object:
    if isinstance(answer, SampleError):
        return answer
    return replace(row, placements=answer, layout_source=source)
