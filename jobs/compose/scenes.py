"""`mycanvas scenes propose`: places for a library's concepts, and which of them go together, by a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from actors.compose.layout import Layout
from actors.compose.scene import Scene
from actors.models.licences import check_recipe
from engine.errors import SampleError, UsageError
from engine.photos.library import add_metres, open_library
from engine.run.recipe import Recipe
from engine.run.stage import Run
from engine.seeds import derive, rng
from engine.storage.stores import open_store
from jobs.compose.recipes import show
from jobs.console import Console
from planners.chat.scene_question import THINGS, Proposal, read_proposal, scene_question
from planners.compose.scenes import ensembles
from planners.compose.sizes import real_size

EACH, LONGEST = 12, 1024  # phrases asked for in one question, and tokens of its answer
WARMTH = 0.8  # at 0 the same concepts would call for the same places each time they are asked about


@dataclass(frozen=True, slots=True)
class Proposed:
    """What was proposed, and how many answers could not be used; `metres` of classes whose sizes were not known."""

    phrases: tuple[str, ...]
    together: tuple[tuple[str, ...], ...]
    metres: Mapping[str, float]
    unusable: int


def propose(recipe: Recipe, library: str, out: Path, count: int, console: Console) -> Proposed:
    """Ask the language model of the recipe's layout, and write the recipe with its proposals to `out`.

    Sizes are written into the library, whose classes they are of.

    Raises:
        UsageError: SCENES_NO_MODEL, SCENES_NONE, TOO_FEW_CONCEPTS, and those of the model.
        EnvironmentProblem: those of the model.
    """
    layout = next(stage for stage in recipe.stages if isinstance(stage, Layout))
    if layout.backend == layout.plain:
        raise UsageError(
            "SCENES_NO_MODEL",
            f"the layout of {recipe.name!r} asks no language model",
            fix="--set layout.backend=vllm --set layout.model=Qwen/Qwen3-8B --set layout.revision=…",
        )
    check_recipe((layout,), recipe.accept_licence, here=True)
    cutouts = open_library(library).cutouts
    ensembles(cutouts)  # enough concepts, or an error
    asked = _groups_to_ask(sorted({item.class_name for item in cutouts.values()}), count, recipe.seed)
    spec = layout.model_copy(update={"max_tokens": LONGEST, "temperature": max(layout.temperature, WARMTH)})
    folder = open_store(str(out.parent)).uri
    chat = spec.chat(Run(out=folder, library=library, backgrounds="", size=recipe.size, seed=recipe.seed))
    assert chat is not None
    console.say(f"asking {chat.model.name} about {len(asked)} groups of concepts")
    seeds = [derive(recipe.seed, "propose", number) for number in range(len(asked))]
    answers = chat.write([scene_question(things, EACH) for things in asked], seeds)
    made = _merge([_read(answer, things) for answer, things in zip(answers, asked, strict=True)], count)
    out.write_text(show(_with(recipe, made)), encoding="utf-8")
    if made.metres:
        add_metres(open_store(library), made.metres)
    return made


def _groups_to_ask(classes: Sequence[str], count: int, seed: int) -> list[list[str]]:
    """Groups of classes, every class in each round of them, until enough places can be named."""
    groups: list[list[str]] = []
    while len(groups) * EACH < count or not groups:
        order = rng(seed, "propose", str(len(groups))).permutation(len(classes))
        shuffled = [classes[int(number)] for number in order]
        groups += [shuffled[start : start + THINGS] for start in range(0, len(shuffled), THINGS)]
    return groups


def _read(answer: str | SampleError, things: Sequence[str]) -> Proposal | None:
    try:
        return None if isinstance(answer, SampleError) else read_proposal(answer, things)
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


def _with(recipe: Recipe, made: Proposed) -> Recipe:
    update = {"phrases": made.phrases, "together": made.together}
    stages = [stage.model_copy(update=update) if isinstance(stage, Scene) else stage for stage in recipe.stages]
    return recipe.model_copy(update={"stages": tuple(stages)})
