"""`mycanvas models`: which models a recipe needs, whether they are here, and how to bring them once and for all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from actors.mirror import VARIABLE, damaged, push, read_index
from actors.models import Named, check_licences, named
from actors.weights import HALF_FILES, check_folder, from_hub, local_weights
from engine.errors import EnvironmentProblem, MyCanvasError
from engine.recipe import Recipe
from jobs.console import Console


@dataclass(frozen=True, slots=True)
class Found:
    """A model of a recipe and where it is, empty for nowhere; `problems` is empty where nothing is wrong."""

    named: Named
    place: str
    problems: tuple[str, ...] = ()


def listed(recipe: Recipe) -> list[Found]:
    """Every model of a recipe, and where this machine would take it from; nothing is fetched."""
    return [Found(each, _place(each)) for each in _models(recipe)]


def pull(recipe: Recipe, to: str, console: Console) -> list[Found]:
    """Fetch every hub model of a recipe at its pinned commit, checked; with `to`, also copy it there.

    Raises:
        UsageError: LICENCE_REFUSED, WEIGHTS_UNPINNED, WEIGHTS_PICKLE_ONLY, WEIGHTS_CUSTOM_CODE.
        EnvironmentProblem: WEIGHTS_MISSING, WEIGHTS_UNREADABLE.
    """
    check_licences((recipe.segment, *recipe.stages), recipe.accept_licence)
    found = []
    for each in _models(recipe):
        place = each.place
        if each.repository:
            console.say(f"pulling  {each}")
            folder = _fetched(each)
            place = to or str(folder)
            if to:
                push(folder, each.repository, each.revision, to)
        found.append(Found(each, place))
    return found


def check(recipe: Recipe) -> Iterator[Found]:
    """Every model of a recipe and what is wrong with it: hashes where it was pulled to a place, headers elsewhere."""
    for each in _models(recipe):
        place, wrong = _place(each), []
        try:
            if not place:
                wrong = ["is not here"]
            elif each.repository and place == _root():
                wrong = damaged(each.repository, each.revision, place)
            elif each.repository:
                check_folder(from_hub(each.repository, each.revision, each.files, fetch=False))
            else:
                local_weights(each.place)
        except MyCanvasError as error:
            wrong = [f"{error.code}  {error.what}"]
        yield Found(each, place, tuple(wrong))


def _fetched(each: Named) -> Path:
    """A hub model's folder, checked: in half precision where the hub has that, or else in full."""
    try:
        folder = from_hub(each.repository, each.revision, each.files)
        check_folder(folder)
    except EnvironmentProblem:
        if each.files != HALF_FILES:
            raise
        folder = from_hub(each.repository, each.revision)
        check_folder(folder)
    return folder


def _models(recipe: Recipe) -> list[Named]:
    return list(dict.fromkeys(named((recipe.segment, *recipe.stages))))


def _place(each: Named) -> str:
    """Where a worker of this machine would find a model."""
    if not each.repository:
        return each.place
    try:
        if root := _root():
            read_index(each.repository, each.revision, root)
            return root
        return str(from_hub(each.repository, each.revision, each.files, fetch=False))
    except EnvironmentProblem:
        return ""


def _root() -> str:
    return os.environ.get(VARIABLE, "")
