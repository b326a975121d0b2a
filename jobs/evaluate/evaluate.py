"""`mycanvas evaluate`: questions of a protocol, pictures of several models, one table with intervals.

    OUT/questions.json            what was asked
    OUT/drawn/<model>/            pictures, as `sample` makes them
    OUT/measured/<model>/         what each is worth, a row for every picture
    OUT/evaluation.json, .md      the table
    OUT/report.html               the same to look at, with pictures

Every step is committed and resumable; running it again with another model adds that model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from actors.evaluate.protocol import Protocol
from actors.models.licences import check_recipe
from actors.personalize.draw.draw_stage import Draw
from cluster.session import LOCAL, ON_THIS_MACHINE, Capacity, session
from engine.errors import UsageError
from engine.rows.generated import GeneratedImage
from engine.seeds import derive
from engine.storage.open_store import open_store
from jobs.console import Console
from jobs.evaluate.asked import ask
from jobs.evaluate.contestants import Contestant, classes_of, read_contestants
from jobs.evaluate.fairness import require_apart, require_strange_judge
from jobs.evaluate.measuring import (
    Album,
    claim_measured,
    fill_ceiling,
    measure_drawn,
    measure_stage,
    open_album,
    stages_of,
)
from jobs.evaluate.protocols import NamedProtocol
from jobs.evaluate.summary import CEILING, CEILING_FOLDER, put_summary
from jobs.listed_run import ListedRun, fill_listed
from jobs.train.sample import UNIT_SIZE, draw_stage, require_same_base, side_of
from planners.evaluate.questions import DrawQuestion


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateRequest:
    """What the user asked for.

    Attributes:
        models: ``NAME=MODEL`` each.
        photos: URI of photos that no model was trained on, a folder for each concept.
        trained: URI of photos that were trained on; empty: none are known.
        benchmark: folder of a benchmark's own files.
        revision: commit of a base on the hub.
    """

    models: tuple[str, ...]
    protocol: NamedProtocol
    photos: str
    out: str
    trained: str = ""
    benchmark: Path | None = None
    revision: str = ""
    address: str = LOCAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is compared: checked, before anything starts."""

    spec: Protocol
    contestants: list[Contestant]
    classes: dict[str, str]
    held: Album
    trained: Album
    questions: dict[int, list[DrawQuestion]]
    stages: dict[int, Draw]

    @property
    def side(self) -> int:
        """Of what a base draws, in pixels: as the first artifact was trained."""
        return side_of(next(each.manifest for each in self.contestants if each.manifest))


def evaluate(request: EvaluateRequest, console: Console) -> dict[str, Any]:
    """Draw and measure what is missing; the table.

    Raises:
        UsageError: EVALUATE_MODELS, EVALUATE_CLASSES, EVALUATE_REFERENCES, EVALUATE_NOTHING, BENCHMARK_FILE,
            JUDGE_PARTIAL, ARTIFACT_BASE, and those of photos and models.
        EnvironmentProblem: ARTIFACT_DAMAGED, those of the models and of the cluster.
    """
    known, store = prepare(request), open_store(request.out)
    for line in _lines(known):
        console.say(line)
    with session(request.address) as capacity:
        for each in known.contestants:
            _fill(known, each, store.uri, capacity, console)
        if known.trained.photos:
            measure = measure_stage(known.spec, known.classes, [], known.held, Album())
            fill_ceiling(store.uri, known.trained, measure, capacity, console)
    names = {each.folder: each.name for each in known.contestants}
    names |= {CEILING_FOLDER: CEILING} if known.trained.photos else {}
    asked = list(dict.fromkeys(question for each in known.questions.values() for question in each))
    store.put("questions.json", json.dumps([asdict(question) for question in asked], indent=1).encode())
    return put_summary(store, request.protocol, names, {question.caption: question.wording for question in asked})


def prepare(request: EvaluateRequest) -> Comparison:
    """What is compared.

    Raises:
        UsageError, EnvironmentProblem: as `evaluate`.
    """
    spec, contestants = request.protocol.spec, read_contestants(request.models)
    classes = classes_of(contestants)
    held, trained = open_album(request.photos, classes), open_album(request.trained, classes)
    require_apart(held, trained, contestants, classes)
    require_strange_judge(spec, contestants)
    questions = {each.number: ask(spec, each, request.benchmark) for each in contestants if each.manifest}
    everything = list(dict.fromkeys(question for asked in questions.values() for question in asked))
    questions |= {each.number: everything for each in contestants if not each.manifest}
    _require_questions(questions, contestants)
    stages = {
        each.number: draw_stage(each.model, each.manifest, request.revision, spec.drawing) for each in contestants
    }
    for each in contestants:
        require_same_base(each.manifest, stages[each.number], each.model)
    named = (*stages.values(), spec.measures, *([spec.judge] if spec.judge else []))
    accepted = (*spec.accept_licence, *spec.drawing.accept_licence)
    check_recipe(named, accepted, here=request.address in ON_THIS_MACHINE)
    return Comparison(
        spec=spec, contestants=contestants, classes=classes, held=held, trained=trained, questions=questions,
        stages=stages,
    )  # fmt: skip


def _fill(known: Comparison, each: Contestant, out: str, capacity: Capacity, console: Console) -> None:
    """Draw and measure what is missing of one model."""
    spec, questions = known.spec, known.questions[each.number]
    stages = stages_of(spec, measure_stage(spec, known.classes, questions, known.held, known.trained))
    claim_measured(out, each.folder, stages)  # else other measures would be refused after everything was drawn
    rows = _rows(each, questions, spec)
    run = ListedRun(
        record=GeneratedImage, columns=("seed", "prompt", "take", "caption", "concepts", "artifact"), rows=rows,
        stage=known.stages[each.number], out=f"{out}/drawn/{each.folder}", unit_size=UNIT_SIZE,
        size=spec.side or (side_of(each.manifest) if each.manifest else known.side), seed=spec.seed,
    )  # fmt: skip
    fill_listed(run, capacity, console)
    measure_drawn(out, each.folder, stages, len(rows), capacity=capacity, console=console)


def _require_questions(questions: dict[int, list[DrawQuestion]], contestants: Sequence[Contestant]) -> None:
    for each in contestants:
        if not questions[each.number]:
            raise UsageError(
                "EVALUATE_NOTHING",
                f"the protocol asks nothing of {each.name}",
                where=each.model,
                why=f"it knows {', '.join(sorted(each.words)) or 'no concept'}",
                fix="--set subjects=[1], or the benchmark that its concepts are from",
            )


def _rows(contestant: Contestant, questions: Sequence[DrawQuestion], spec: Protocol) -> list[dict[str, Any]]:
    """One a picture; its seed follows from the question, so that every model begins with the same noise."""
    shared = {"artifact": contestant.manifest.get("hash", "")}
    return [
        {
            "seed": derive(spec.seed, "question", question.caption, *question.cast, take),
            "prompt": contestant.prompt(question),
            "take": take,
            "caption": question.caption,
            "concepts": question.cast,
            **shared,
        }
        for question in questions
        for take in range(spec.per_prompt)
    ]


def _lines(known: Comparison) -> Iterator[str]:
    for one in known.contestants:
        asked = known.questions[one.number]
        of = f"{', '.join(map(str, sorted({len(question.cast) for question in asked})))} concepts"
        pictures = len(asked) * known.spec.per_prompt
        yield f"model   {one.name}   {len(asked):,} prompts about {of}, {pictures:,} pictures   {one.model}"
