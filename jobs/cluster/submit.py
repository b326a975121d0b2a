"""`mycanvas submit`: a run that a file describes, handed to a cluster; and what became of it.

The recipe is resolved here, so that a wrong one dies here, and travels with every default written out. The command that
the cluster runs is `compose`, so a job that is submitted again goes on where it stopped.
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal, final
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from actors.models.licences import check_recipe
from actors.models.mirror import VARIABLE
from actors.models.preflight import local_folders
from cluster.submit import Job, Submissions
from engine.errors import UsageError
from engine.photos.backgrounds import DRAWN, OWN
from engine.photos.listing import open_folder
from engine.run.recipe import Recipe
from engine.run.recipe_parse import validate_spec
from engine.run.recipe_yaml import read_yaml
from engine.run.stage import Spec
from engine.text_file import read_text_file
from jobs.cluster.remote_python import PACKAGES, check_python
from jobs.compose.choose_rows import selection_of_recipe
from jobs.compose.recipes import load, show
from jobs.console import Console, clock
from jobs.run_loop import parse_budget

RECIPE = "recipe.yaml"
FOLDERS = (*PACKAGES, "recipes", "weights")
OPTIONS = ("backgrounds", "library", "layouts")  # of `compose`, that may be left out
Code = Literal["image", "send"]


@final
class RunFile(Spec):
    """What `compose` is asked for, as a file."""

    recipe: str = Field(description="name of a built-in recipe, or a YAML file; beside this file if relative")
    photos: str = Field(description="absolute path or s3:// that every node can read")
    samples: int = Field(ge=1, description="how many")
    out: str = Field(description="absolute path or s3:// that every node can write")
    backgrounds: str = Field(default="", description="folder, own (the photos, emptied), drawn; empty: the recipe's")
    layouts: str = Field(default="", description="what `mycanvas layout` made; empty: laid out by this run")
    library: str = Field(default="", description="library of cut-outs to use; empty: OUT/library")
    models: str = Field(default="", description="where `models pull` put the models; empty: each node's own way")
    set: tuple[str, ...] = Field(default=(), description="changes to the recipe, such as inpaint.steps=30")
    extras: tuple[str, ...] = Field(default=(), description="names of changes that the recipe keeps, as --with")
    max_failures: Annotated[str, BeforeValidator(str)] = Field(default="5%", description="stop when more rows fail")
    code: Code = Field(default="image", description="image: the nodes have the engine; send: it travels with the job")


def read_run(path: Path) -> tuple[RunFile, Recipe]:
    """A run file and the recipe that it names, both checked.

    Raises:
        UsageError: RUN_FILE, RECIPE_KEY, RECIPE_VALUE, BUDGET_VALUE, URI_SECRET, URI_RELATIVE, and those of
            `jobs.compose.recipes.load`.
    """
    try:
        text = read_text_file(path)
    except (OSError, ValueError) as error:
        raise UsageError(
            "RUN_FILE", "cannot be read", where=str(path), why=str(error), fix="name a YAML file"
        ) from error
    tree, origins = read_yaml(text, str(path))
    run = validate_spec(RunFile, tree, (), origins, see="docs/cluster.md")
    parse_budget(run.max_failures)
    beside = path.parent / run.recipe
    recipe = load(str(beside) if beside.is_file() else run.recipe, run.set, run.extras)
    for key in ("photos", "out", "models", *OPTIONS):
        if getattr(run, key) not in ("", OWN, DRAWN):
            _travels(getattr(run, key), key)
    return run, recipe


def submit(path: Path, address: str, console: Console) -> Job:
    """Hand a run to a cluster, or find it there already; returns its job.

    Raises:
        UsageError: those of `read_run`, and of `actors.models.licences.check_recipe`.
        EnvironmentProblem: RAY_UNREACHABLE, RAY_TOKEN, CLUSTER_PYTHON.
    """
    run, recipe = read_run(path)
    specs = recipe.stages
    check_recipe(specs, recipe.accept_licence, here=False)
    selection_of_recipe(recipe)
    for model in local_folders(specs):
        _travels(model, "a model")
    for key in ("photos", "backgrounds"):
        if getattr(run, key) not in (OWN, DRAWN):
            _look_for_photos(getattr(run, key), key, console)
    variables = {VARIABLE: run.models} if run.models else {}
    submissions, name = Submissions(address), run_hash(run, recipe)
    with _pack(run, recipe) as folder:
        if not submissions.under_way(name):
            check_python(submissions, address, folder, RECIPE, console)
        job, fresh = submissions.submit(name, _command(run), folder, _metadata(run, recipe), variables)
    console.say(f"{'submitted' if fresh else 'under way already'}  {job.id}")
    return job


def run_hash(run: RunFile, recipe: Recipe) -> str:
    """16 hex digits of all that is asked for: the same run gives the same."""
    asked = run.model_dump_json(exclude={"recipe", "set", "extras", "code"}) + recipe.name + show(recipe)
    return blake2b(asked.encode(), digest_size=8).hexdigest()


def describe(job: Job, now: float | None = None) -> str:
    """A line about a job: id, status, how long, where its output is."""
    ended = job.ended or (time.time() if now is None else now)
    spent = clock(ended - job.started) if job.started else ""
    code = "" if job.live or job.exit_code is None else f"exit {job.exit_code}"
    parts = (job.id, job.status.lower(), spent, code, job.metadata.get("out", ""))
    return "  ".join(part for part in parts if part)


def _travels(place: str, key: str) -> None:
    """Refuse a place that means another thing, or nothing, on another machine."""
    parts = urlsplit(place)
    if parts.username or parts.password:
        raise UsageError(
            "URI_SECRET",
            f"{key}: a key does not belong into an address",
            where=f"{parts.scheme}://…",
            why="addresses are stored with the dataset and shown by the cluster",
            fix="give each node its credentials in its own environment, AWS_*",
        )
    if not parts.scheme and not Path(place).is_absolute():
        raise UsageError(
            "URI_RELATIVE",
            f"{key}: workers run in folders of their own",
            where=place,
            fix="give an absolute path that every node mounts, or s3://",
        )


def _look_for_photos(place: str, key: str, console: Console) -> None:
    """Look whether a folder of photos is there, as far as that can be told from here."""
    if not place:
        return
    if "://" in place or Path(place).exists():
        open_folder(place)
    else:
        console.say(f"{key} {place} is not on this machine; the job asks every node before it starts")


@contextmanager
def _pack(run: RunFile, recipe: Recipe) -> Iterator[Path]:
    """A folder with what travels: the recipe, and the engine's own code and weights if they are to be sent."""
    with TemporaryDirectory(prefix="mc-submit-") as name:
        folder = Path(name)
        (folder / RECIPE).write_text(show(recipe), encoding="utf-8")
        if run.code == "send":
            root = Path(__file__).parents[2]
            for package in FOLDERS:
                shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        yield folder


def _command(run: RunFile) -> str:
    words = ["-m", "jobs", "compose", RECIPE, "--photos", run.photos, "--samples", str(run.samples)]
    words += ["--out", run.out, "--max-failures", run.max_failures, "--address", "auto", "--format", "json"]
    for option in OPTIONS:
        if getattr(run, option):
            words += [f"--{option}", getattr(run, option)]
    return shlex.join(words)


def _metadata(run: RunFile, recipe: Recipe) -> dict[str, str]:
    return {"recipe": recipe.name, "samples": str(run.samples), "out": run.out}
