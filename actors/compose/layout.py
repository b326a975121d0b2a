"""Decides where everything stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Protocol, Self, final

from pydantic import Field, model_validator

from actors.chat.chat_stage import ChatModel, ChatSpec
from engine.errors import SampleError
from engine.photos.backgrounds import Anchor, read_catalogue
from engine.photos.cast import open_cast
from engine.photos.library import CutoutInfo
from engine.rows.composition import Composition, Placement
from engine.rows.values import Model
from engine.run.stage import Run, Stage, Worker
from engine.seeds import derive
from engine.storage.open_store import open_store
from planners.chat.layout_answer import read
from planners.chat.layout_brief import brief_request
from planners.chat.layout_prompt import request
from planners.chat.question import Question
from planners.compose.anchors import Footing, fits, footing_of
from planners.compose.layout import solve
from planners.compose.layout_repair import repair
from planners.compose.layout_rules import problems

REPAIRED = "+repair"


@dataclass(frozen=True, slots=True)
class Planned:
    """A layout, farthest object first, and whose it is: the column `layout_source`, and the model if one answered."""

    placements: tuple[Placement, ...]
    source: str
    models: tuple[Model, ...] = ()


class LayoutPlanner(Protocol):
    """Places the casts of many rows at once: a language model answers a whole batch in the time of one."""

    def plan(self, rows: Sequence[Composition]) -> Sequence[Planned | SampleError]:
        """One layout a row, or why there is none. Reads cast, concepts, ground_line and seed."""


@final
class Layout(ChatSpec, Stage):
    """Give every cut-out of the cast a box, a depth and something to stand on."""

    name: ClassVar[str] = "layout"
    reads: ClassVar[tuple[str, ...]] = ("cast", "concepts", "ground_line", "background_id")
    needs: ClassVar[tuple[str, ...]] = ("library", "backgrounds")
    writes: ClassVar[tuple[str, ...]] = ("placements", "layout_source", "planners")

    plain: ClassVar[str] = "solver"

    backend: str = Field(
        default="solver", description="solver (no model), or a language model through transformers, vllm or openai"
    )
    mirror: bool = Field(default=False, description="mirror every other cut-out; lettering and clock faces lose by it")
    prompt: Literal["full", "short"] = Field(
        default="full", description="full: rules and examples; short: the question alone, for models trained on it"
    )
    tries: int = Field(
        default=1, ge=1, le=16, description="answers that a row asks for at once; the first that obeys all rules counts"
    )

    @model_validator(mode="after")
    def _tries_differ(self) -> Self:
        if self.tries > 1 and self.temperature == 0:
            raise ValueError("at a temperature of 0 all `tries` are the same answer")
        return self

    def load(self, run: Run) -> Worker:
        """A worker with the planner over the run's library; this is where weights are read.

        Raises:
            UsageError: those of `ChatSpec.chat`.
            EnvironmentProblem: LIBRARY_MISSING, and those of `ChatSpec.chat`.
        """
        cutouts, chat = open_cast(run.out, run.library).cutouts, self.chat(run)
        planner: LayoutPlanner = Asking(self, cutouts, chat) if chat else Solver(self, cutouts)
        anchors = {each.background_id: each.anchor for each in read_catalogue(open_store(run.out)) if each.anchor}

        def work(rows: Sequence[Composition]) -> list[object]:
            stands = [find_stand(anchors, cutouts, row) for row in rows]
            asked = [row for row, stand in zip(rows, stands, strict=True) if stand is None]
            planned = iter(planner.plan(asked) if asked else ())
            return [
                _answer(row, next(planned) if stand is None else solve_row(self, cutouts, row, stand=stand))
                for row, stand in zip(rows, stands, strict=True)
            ]

        return work


def _answer(row: Composition, planned: Planned | SampleError) -> Composition | SampleError:
    if isinstance(planned, SampleError):
        return planned
    return replace(row, placements=planned.placements, layout_source=planned.source, planners=planned.models)


@final
@dataclass(frozen=True, slots=True)
class Solver:
    """The planner that needs no model: `planners.compose.layout.solve` for each row."""

    spec: Layout
    cutouts: Mapping[str, CutoutInfo]

    def plan(self, rows: Sequence[Composition]) -> list[Planned | SampleError]:
        """Pure and seeded: the same row gives the same layout."""
        return [solve_row(self.spec, self.cutouts, row) for row in rows]


@final
@dataclass(frozen=True, slots=True)
class Asking:
    """The planner that asks a language model about all rows at once; the solver's layout where no answer will do."""

    spec: Layout
    cutouts: Mapping[str, CutoutInfo]
    chat: ChatModel

    def plan(self, rows: Sequence[Composition]) -> list[Planned | SampleError]:
        """Every answer is settled by itself, of a row's the best counts; the source says whose the layout is."""
        tries = self.spec.tries
        questions = [question for row in rows for question in [ask_about(self.spec, self.cutouts, row)] * tries]
        seeds = [derive(row.seed, "layout", again) if again else row.seed for row in rows for again in range(tries)]
        answers = self.chat.write(questions, seeds)
        return [self._best(row, answers[number * tries : (number + 1) * tries]) for number, row in enumerate(rows)]

    def _best(self, row: Composition, answers: Sequence[str | SampleError]) -> Planned | SampleError:
        """The first that obeys all rules, or else the first that could be repaired, or else the solver's."""
        planned = [
            solve_row(self.spec, self.cutouts, row, answer.code)
            if isinstance(answer, SampleError)
            else settle_answer(self.spec, self.cutouts, row, answer, self.chat.model)
            for answer in answers
        ]
        by_source = {each.source: each for each in reversed(planned) if isinstance(each, Planned)}
        return by_source.get(self.spec.backend) or by_source.get(f"{self.spec.backend}{REPAIRED}") or planned[0]


def find_stand(anchors: Mapping[str, Anchor], cutouts: Mapping[str, CutoutInfo], row: Composition) -> Footing | None:
    """Where the first of the cast stands, before a photo whose subject it replaces; such rows ask no language model."""
    anchor = anchors.get(row.background_id)
    first = cutouts.get(row.cast[0]) if row.cast else None
    return footing_of(anchor, first) if anchor and first and fits(anchor, first) else None


def solve_row(
    spec: Layout, cutouts: Mapping[str, CutoutInfo], row: Composition, why: str = "", stand: Footing | None = None
) -> Planned | SampleError:
    """The solver's layout of a row; `why` names the error that it stands in for."""
    try:
        cast = [cutouts[cutout_id] for cutout_id in row.cast]
        placements = solve(row.seed, cast, row.ground_line, mirror=spec.mirror, stand=stand)
    except SampleError as error:
        return error
    return Planned(placements, f"solver ({why})" if why else "solver")


def ask_about(spec: Layout, cutouts: Mapping[str, CutoutInfo], row: Composition) -> Question:
    """The question about a row."""
    cast = [cutouts[cutout_id] for cutout_id in row.cast]
    if spec.prompt == "short":
        return brief_request(cast, row.ground_line)
    return request(cast, row.concepts, row.ground_line)


def settle_answer(
    spec: Layout, cutouts: Mapping[str, CutoutInfo], row: Composition, answer: str, model: Model
) -> Planned | SampleError:
    """A model's answer as a layout: as it is where it obeys the rules, repaired where it does not, or the solver's.

    The source is then the backend's name, that and ``+repair``, or ``solver`` with the error in brackets.
    """
    cast = [cutouts[cutout_id] for cutout_id in row.cast]
    try:
        placements = read(answer, cast, row.ground_line)
    except SampleError as error:
        return solve_row(spec, cutouts, row, error.code)
    if not problems(placements, cast, row.ground_line):
        return Planned(placements, spec.backend, (model,))
    mended = repair(placements, cast, row.ground_line)
    if mended is None:
        return solve_row(spec, cutouts, row, "LAYOUT_RULES")
    return Planned(mended, f"{spec.backend}{REPAIRED}", (model,))
