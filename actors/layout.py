"""Decides where everything stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Protocol, Self, final

from pydantic import AfterValidator, Field, model_validator

from actors.server import Server
from engine.errors import SampleError
from engine.library import CutoutInfo, open_library
from engine.records import Composition, Model, Placement
from engine.registry import Registry
from engine.stage import Run, Stage, Worker
from planners.layout import solve
from planners.layout_answer import read
from planners.layout_brief import brief_request
from planners.layout_prompt import LayoutRequest, request
from planners.layout_repair import repair
from planners.layout_rules import problems

WITHOUT_WEIGHTS = ("solver",)
ANSWERS = "_answers"


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


LAYOUT_PLANNERS: Registry[Callable[[Layout, Mapping[str, CutoutInfo]], LayoutPlanner]] = Registry(
    "layout planner",
    {
        "openai": "actors.backends.openai_layout:OpenAiLayout",
        "solver": "actors.layout:Solver",
        "transformers": "actors.backends.transformers_layout:TransformersLayout",
        "vllm": "actors.backends.vllm_layout:VllmLayout",
    },
)


@final
class Layout(Stage):
    """Give every cut-out of the cast a box, a depth and something to stand on."""

    name: ClassVar[str] = "layout"
    reads: ClassVar[tuple[str, ...]] = ("cast", "concepts", "ground_line")
    writes: ClassVar[tuple[str, ...]] = ("placements", "layout_source", "planners")

    backend: Annotated[str, AfterValidator(LAYOUT_PLANNERS.known)] = Field(
        default="solver", description="solver (no model), or a language model through transformers, vllm or openai"
    )
    mirror: bool = Field(default=False, description="mirror every other cut-out; lettering and clock faces lose by it")
    model: str = Field(
        default="", description="hub id or local folder of a language model; its name on the server; empty for solver"
    )
    revision: str = Field(default="", description="commit of the weights on the hub, 40 hex digits")
    prompt: Literal["full", "short"] = Field(
        default="full", description="full: rules and examples; short: the question alone, for models trained on it"
    )
    max_tokens: int = Field(default=512, ge=16, le=8192, description="longest answer")
    temperature: float = Field(default=0.0, ge=0, le=2, description="0 takes the likeliest token")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto: bfloat16 on a GPU, float32 on a CPU"
    )
    max_context: int = Field(default=4096, ge=128, description="vllm: tokens of question and answer")
    gpu_memory: float = Field(default=0.9, gt=0, le=1, description="vllm: share of the card's memory that it takes")
    thinking_off: bool = Field(
        default=True, description="answer without thinking first; false for servers that refuse to be told"
    )
    server: Server | None = Field(default=None, description="openai: where the model is served")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.backend not in WITHOUT_WEIGHTS and not self.model:
            raise ValueError(f"the backend {self.backend!r} needs a model: a hub id or a local folder")
        if (self.backend == "openai") != (self.server is not None):
            raise ValueError("`server.url` belongs to the backend 'openai', which needs it")
        return self

    def load(self, run: Run) -> Worker:
        """A worker with the planner of that name over the run's library; this is where weights are read.

        Raises:
            UsageError: BACKEND_UNKNOWN, and those of `actors.weights.local_weights`.
            EnvironmentProblem: LIBRARY_MISSING, and those of `actors.weights.local_weights`.
        """
        spec = self._keeping(f"{run.out}/{ANSWERS}")
        planner = LAYOUT_PLANNERS.resolve(self.backend)(spec, open_library(run.library).cutouts)

        def work(rows: Sequence[Composition]) -> list[object]:
            return [_answer(row, planned) for row, planned in zip(rows, planner.plan(rows), strict=True)]

        return work

    def _keeping(self, answers: str) -> Self:
        """The spec with a place for answers, where it needs one and names none."""
        if self.server is None or self.server.answers:
            return self
        return self.model_copy(update={"server": self.server.model_copy(update={"answers": answers})})


def _answer(row: Composition, planned: Planned | SampleError) -> Composition | SampleError:
    if isinstance(planned, SampleError):
        return planned
    return replace(row, placements=planned.placements, layout_source=planned.source, planners=planned.models)


@final
@dataclass(frozen=True, slots=True)
class Solver:
    """The planner that needs no model: `planners.layout.solve` for each row."""

    spec: Layout
    cutouts: Mapping[str, CutoutInfo]

    def plan(self, rows: Sequence[Composition]) -> list[Planned | SampleError]:
        """Pure and seeded: the same row gives the same layout."""
        return [solved(self.spec, self.cutouts, row) for row in rows]


def solved(spec: Layout, cutouts: Mapping[str, CutoutInfo], row: Composition, why: str = "") -> Planned | SampleError:
    """The solver's layout of a row; `why` names the error that it stands in for."""
    try:
        cast = [cutouts[cutout_id] for cutout_id in row.cast]
        placements = solve(row.seed, cast, row.ground_line, mirror=spec.mirror)
    except SampleError as error:
        return error
    return Planned(placements, f"solver ({why})" if why else "solver")


def asked(spec: Layout, cutouts: Mapping[str, CutoutInfo], row: Composition) -> LayoutRequest:
    """The question about a row."""
    cast = [cutouts[cutout_id] for cutout_id in row.cast]
    if spec.prompt == "short":
        return brief_request(cast, row.ground_line)
    return request(cast, row.concepts, row.ground_line)


def settled(
    spec: Layout, cutouts: Mapping[str, CutoutInfo], row: Composition, answer: str, model: Model
) -> Planned | SampleError:
    """A model's answer as a layout: as it is where it obeys the rules, repaired where it does not, or the solver's.

    The source is then the backend's name, that and ``+repair``, or ``solver`` with the error in brackets.
    """
    cast = [cutouts[cutout_id] for cutout_id in row.cast]
    try:
        placements = read(answer, cast, row.ground_line)
    except SampleError as error:
        return solved(spec, cutouts, row, error.code)
    if not problems(placements, cast, row.ground_line):
        return Planned(placements, spec.backend, (model,))
    mended = repair(placements, cast, row.ground_line)
    if mended is None:
        return solved(spec, cutouts, row, "LAYOUT_RULES")
    return Planned(mended, f"{spec.backend}+repair", (model,))
