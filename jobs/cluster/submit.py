"""`mycanvas submit`: a run that a file describes, handed to a cluster; and what became of it.

The recipe is resolved here, so that a wrong one dies here, and travels with every default written out. The command that
the cluster runs is `compose` or `train`, so a job that is submitted again goes on where it stopped.
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from actors.models.mirror import VARIABLE
from cluster.submit import Job, Submissions
from engine.errors import UsageError
from engine.run.recipe_yaml import read_yaml
from engine.text_file import read_text_file
from jobs.cluster.compose_file import read_compose_file
from jobs.cluster.parcel import Parcel
from jobs.cluster.remote_python import PACKAGES, check_python
from jobs.cluster.train_file import read_train_file
from jobs.console import Console, clock

FOLDERS = (*PACKAGES, "recipes", "weights")


def read_run(path: Path) -> Parcel:
    """The run that a file describes, checked: one of `compose`, or where it names a training, one of `train`.

    Raises:
        UsageError: RUN_FILE, and those of `jobs.cluster.compose_file` and `jobs.cluster.train_file`.
    """
    try:
        text = read_text_file(path)
    except (OSError, ValueError) as error:
        raise UsageError(
            "RUN_FILE", "cannot be read", where=str(path), why=str(error), fix="name a YAML file"
        ) from error
    tree, origins = read_yaml(text, str(path))
    return (read_train_file if "training" in tree else read_compose_file)(tree, origins, path)


def submit(path: Path, address: str, console: Console) -> Job:
    """Hand a run to a cluster, or find it there already; returns its job.

    Raises:
        UsageError: those of `read_run` and of `jobs.cluster.parcel.Parcel.check`.
        EnvironmentProblem: RAY_UNREACHABLE, RAY_TOKEN, CLUSTER_PYTHON.
    """
    parcel = read_run(path)
    parcel.check(console)
    variables = {VARIABLE: parcel.handed.models} if parcel.handed.models else {}
    submissions = Submissions(address)
    with _pack(parcel) as folder:
        if not submissions.under_way(parcel.name):
            check_python(submissions, address, folder, parcel.file, console)
        command = shlex.join(["-m", "jobs", *parcel.command])
        job, fresh = submissions.submit(parcel.name, command, folder, parcel.metadata, variables)
    console.say(f"{'submitted' if fresh else 'under way already'}  {job.id}")
    return job


@contextmanager
def _pack(parcel: Parcel) -> Iterator[Path]:
    """A folder with what travels: the recipe, and the engine's own code and weights if they are to be sent."""
    with TemporaryDirectory(prefix="mc-submit-") as name:
        folder = Path(name)
        (folder / parcel.file).write_text(parcel.text, encoding="utf-8")
        if parcel.handed.code == "send":
            root = Path(__file__).parents[2]
            for package in FOLDERS:
                shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        yield folder


def describe(job: Job, now: float | None = None) -> str:
    """A line about a job: id, status, how long, where its output is."""
    ended = job.ended or (time.time() if now is None else now)
    spent = clock(ended - job.started) if job.started else ""
    code = "" if job.live or job.exit_code is None else f"exit {job.exit_code}"
    parts = (job.id, job.status.lower(), spent, code, job.metadata.get("out", ""))
    return "  ".join(part for part in parts if part)
