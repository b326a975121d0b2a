"""Does the cluster's Python have this engine? Asked there before a run is handed over, and said here.

Else the job ends some seconds after its start, and why stands in its log: `ModuleNotFoundError`.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shlex
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from cluster.submit import Submissions
from engine.errors import EnvironmentProblem, MyCanvasError
from jobs.cluster.train_file import TRAINING
from jobs.compose.recipes import load
from jobs.console import Console
from jobs.train.trainings import load as load_training

ANSWER = "mycanvas-facts "
PACKAGES = ("engine", "planners", "actors", "cluster", "jobs")
VERSIONS = ("mycanvas-engine", "ray", "pyarrow", "pillow", "torch", "diffusers", "transformers")
_QUESTION = """
import json, sys
try:
    from jobs.cluster.remote_python import facts
    told = facts(sys.argv[1])
except Exception as error:
    told = {"error": type(error).__name__ + ": " + str(error)}
print(%r + json.dumps({"executable": sys.executable, **told}))
"""


def facts(recipe: str) -> dict[str, Any]:
    """What this Python is: versions, the engine's code as a hash, and what is wrong with a recipe or training here."""
    try:
        (load_training if Path(recipe).name == TRAINING else load)(recipe)
        wrong = ""
    except MyCanvasError as error:
        wrong = str(error)
    versions = {name: found for name in VERSIONS if (found := _version(name))}
    return {"python": platform.python_version(), "versions": versions, "code": code_hash(), "recipe": wrong}


def check_python(submissions: Submissions, address: str, folder: Path, recipe: str, console: Console) -> None:
    """Ask the cluster's Python for its facts, inside a copy of `folder`; what differs and may matter is said.

    Args:
        submissions: the cluster's.
        address: of the cluster, for messages.
        folder: what travels with the run.
        recipe: file in it, a recipe or a training.
        console: told of differences.

    Raises:
        EnvironmentProblem: CLUSTER_PYTHON where the engine cannot be loaded there, or does not take the recipe;
            RAY_UNREACHABLE.
    """
    said = submissions.ask(f"-c {shlex.quote(_QUESTION % ANSWER)} {shlex.quote(recipe)}", folder)
    line = next((line for line in said.splitlines() if line.startswith(ANSWER)), "")
    if not line:
        last = (said.strip().splitlines() or ["it wrote nothing"])[-1]
        raise _unfit(address, "no Python of the cluster answers", last)
    there = json.loads(line.removeprefix(ANSWER))
    if "error" in there:
        raise _unfit(address, f"{there['executable']} cannot load this engine", there["error"])
    if there["recipe"]:
        raise _unfit(address, f"the engine of {there['executable']} does not take this recipe", there["recipe"])
    for difference in differences(facts(str(folder / recipe)), there):
        console.say(difference)


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """What differs between two Pythons, as lines; patch levels of Python do not."""
    pairs = [("Python", *(each["python"].rpartition(".")[0] for each in (here, there)))]
    pairs += [
        (name, here["versions"][name], there["versions"][name])
        for name in here["versions"]
        if name in there["versions"]
    ]
    lines = [f"the cluster has {name} {theirs}, this machine {ours}" for name, ours, theirs in pairs if ours != theirs]
    if here["code"] != there["code"]:
        lines.append("the cluster has other code of this engine than this machine; `code: send` sends yours")
    return lines


@cache
def code_hash() -> str:
    """16 hex digits of the engine's own code, wherever it lies."""
    root, digest = Path(__file__).parents[2], blake2b(digest_size=8)
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _unfit(address: str, what: str, why: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        "CLUSTER_PYTHON",
        what,
        where=f"--address {address}",
        why=why,
        fix="install this engine and the packages of constraints.txt where Ray runs, on every node; `code: send` sends"
        " the engine, not its packages",
    )
