"""`mycanvas scenes propose`: places for a library's concepts, and which of them go together, by a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from actors.chat.chat_stage import ANSWERS
from actors.compose.layout import Layout
from actors.compose.propose import ProposeScenes
from actors.compose.scene import Scene
from actors.models.licences import check_recipe
from cluster.session import LOCAL, ON_THIS_MACHINE, session
from engine.errors import SampleError, UsageError
from engine.photos.library import add_metres, open_library
from engine.rows.proposals import SceneProposal
from engine.run.recipe import Recipe
from engine.seeds import rng
from engine.storage.open_store import open_store
from engine.storage.store import Store
from jobs.compose.recipes import show
from jobs.console import Console
from jobs.listed_run import ListedRun, fill_listed, read_rows
from jobs.run_loop import new_run_id
from planners.chat.scene_question import THINGS, Proposal, read_proposal
from planners.compose.casting import ensembles
from planners.compose.sizes import real_size

EACH, LONGEST = 12, 1024  # phrases asked for in one question, and tokens of its answer
QUESTIONS_PER_UNIT = 8
WARMTH = 0.8  # at 0 the same concepts would call for the same places each time they are asked about


@dataclass(frozen=True, slots=True)
class Proposed:
    """What was proposed, and how many answers could not be used; `metres` of classes whose sizes were not known."""

    phrases: tuple[str, ...]
    together: tuple[tuple[str, ...], ...]
    metres: Mapping[str, float]
    unusable: int


def propose(recipe: Recipe, library: str, out: Path, *, count: int, console: Console, address: str = LOCAL) -> Proposed:
    """Ask the language model of the recipe's layout, and write the recipe with its proposals to `out`.

    Sizes are written into the library, whose classes they are of.

    Raises:
        UsageError: SCENES_NO_MODEL, SCENES_NONE, TOO_FEW_CONCEPTS, and those of the model.
        EnvironmentProblem: those of the model.
    """
    stage = ProposeScenes(layout=_asking_layout(recipe), phrases=EACH)
    check_recipe((stage.layout,), recipe.accept_licence, here=address in ON_THIS_MACHINE)
    store, cutouts = open_store(library), open_library(library).cutouts
    ensembles(cutouts)  # enough concepts, or an error
    groups = _groups_to_ask(sorted({item.class_name for item in cutouts.values()}), count, recipe.seed)
    console.say(f"asking {stage.layout.model} about {len(groups)} groups of concepts")
    run = _proposals_run(stage, groups, store, recipe.seed)
    with session(address) as capacity:
        fill_listed(run, capacity, console)
    answers = _take_answers(run)
    made = _merge([_read(answers.get(tuple(things), ""), things) for things in groups], count)
    out.write_text(show(_with_proposals(recipe, made)), encoding="utf-8")
    if made.metres:
        add_metres(store, made.metres)
    return made


def _asking_layout(recipe: Recipe) -> Layout:
    """The layout of a recipe, with room for longer answers.

    Raises:
        UsageError: SCENES_NO_MODEL.
    """
    layout = next((stage for stage in recipe.stages if isinstance(stage, Layout)), None)
    if layout is None or layout.backend == layout.plain:
        raise UsageError(
            "SCENES_NO_MODEL",
            f"the layout of {recipe.name!r} asks no language model",
            fix="--set layout.backend=vllm --set layout.model=Qwen/Qwen3-8B --set layout.revision=…",
        )
    return layout.model_copy(update={"max_tokens": LONGEST, "temperature": max(layout.temperature, WARMTH)})


def _proposals_run(stage: ProposeScenes, groups: Sequence[Sequence[str]], store: Store, seed: int) -> ListedRun:
    return ListedRun(
        record=SceneProposal,
        columns=("things",),
        rows=[{"things": list(things)} for things in groups],
        stage=stage.model_copy(update={"layout": stage.layout.with_answer_store(f"{store.uri}/{ANSWERS}")}),
        out=f"{store.uri}/_proposals/{new_run_id()}",
        unit_size=QUESTIONS_PER_UNIT,
        library=store.uri,
        seed=seed,
    )


def _take_answers(run: ListedRun) -> dict[tuple[str, ...], str]:
    """The answers by the things that were asked about; the run goes, so that what got none may be asked again."""
    store = open_store(run.out)
    answers = {row.things: row.answer for row in read_rows(run.out, SceneProposal)}
    for entry in list(store.list()):
        store.delete(entry.path)
    return answers


def _groups_to_ask(classes: Sequence[str], count: int, seed: int) -> list[list[str]]:
    """Groups of classes, every class in each round of them, until enough places can be named."""
    groups: list[list[str]] = []
    while len(groups) * EACH < count or not groups:
        order = rng(seed, "propose", str(len(groups))).permutation(len(classes))
        shuffled = [classes[int(number)] for number in order]
        groups += [shuffled[start : start + THINGS] for start in range(0, len(shuffled), THINGS)]
    return groups


def _read(answer: str, things: Sequence[str]) -> Proposal | None:
    try:
        return read_proposal(answer, things)
    except SampleError:
        return None


def _merge(proposals: Sequence[Proposal | None], count: int) -> Proposed:
    usable = [proposal for proposal in proposals if proposal is not None]
    if not usable:
        raise UsageError(
            "SCENES_NONE",
            "no answer of the language model could be used",
            fix="take a larger model, or write scene.phrases by hand",
        )
    phrases = dict.fromkeys(phrase for proposal in usable for phrase in proposal.phrases)
    together = dict.fromkeys(group for proposal in usable for group in proposal.together)
    said: dict[str, list[float]] = {}
    for proposal in usable:
        for name, metres in proposal.metres.items():
            said.setdefault(name, []).append(metres)
    sizes = {name: round(median(each), 3) for name, each in sorted(said.items()) if real_size(name) is None}
    return Proposed(tuple(phrases)[:count], tuple(together), sizes, len(proposals) - len(usable))


def _with_proposals(recipe: Recipe, made: Proposed) -> Recipe:
    scene = next((stage for stage in recipe.stages if isinstance(stage, Scene)), None)
    if scene is None:
        return recipe
    return recipe.with_stage(scene.model_copy(update={"phrases": made.phrases, "together": made.together}))
