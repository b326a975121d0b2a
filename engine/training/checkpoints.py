"""Checkpoints of a run behind a store: whole or not there at all, the last two kept, found again by the run's name.

    runs/<run>/step-000000050/<files>           what the loop saved
    runs/<run>/step-000000050/checkpoint.json   written last: step, seconds, reports, and the hash of every file

A folder without its manifest is what a kill left behind, and is passed over.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from engine.errors import Damaged
from engine.storage.folders import fetch_file, put_folder
from engine.storage.hashes import seal, unseal
from engine.storage.store import Store

RUNS, MANIFEST = "runs", "checkpoint.json"
KEPT = 2  # the last, and the one before it should the last be found damaged
_KIND = "checkpoint"
_FOLDER = re.compile(r"step-(\d{9})")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint on this disk.

    Attributes:
        step: steps taken.
        seconds: of training that led there; what was lost to kills does not count.
        folder: its files, as the loop saved them.
    """

    step: int
    seconds: float
    folder: Path


@final
@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Those of one run. One process at a time saves; any may read."""

    store: Store
    run: str

    def save(self, folder: Path, step: int, seconds: float, reports: Sequence[str] = ()) -> None:
        """Store what lies in `folder` as the checkpoint of `step`; older ones go, but for the one before it.

        Args:
            folder: files to store.
            step: steps taken.
            seconds: of training that led there.
            reports: lines of the log since the checkpoint before, should they not reach it.

        Raises:
            EnvironmentProblem: DISK_FULL, STORE_DENIED, STORE_FAILED; earlier checkpoints are as they were.
        """
        path = self._path(step)
        self.store.delete(f"{path}/{MANIFEST}")  # until the new files are there, this step has no checkpoint
        files = put_folder(self.store, path, folder)
        manifest = {"run": self.run, "step": step, "seconds": seconds, "reports": list(reports), "files": files}
        self.store.put(f"{path}/{MANIFEST}", seal(_KIND, manifest))
        self._delete_but({step, *self.steps()[-KEPT:]})

    def steps(self) -> list[int]:
        """Steps of the checkpoints that were stored to the end, in order."""
        return sorted(step for step, names in self._folders().items() if MANIFEST in names)

    def fetch(self, step: int, folder: Path) -> Checkpoint:
        """Copy the checkpoint of a step to a folder on this disk, and check every byte of it.

        Raises:
            Damaged: CHECKPOINT_DAMAGED, also where files are missing.
        """
        path = self._path(step)
        where = f"{self.store.uri}/{path}"
        try:
            manifest = self._manifest(step)
            changed = [
                name
                for name, known in manifest["files"].items()
                if fetch_file(self.store, f"{path}/{name}", folder / name) != known
            ]
        except (FileNotFoundError, Damaged) as error:
            raise _damage(where, str(error)) from error
        if changed:
            raise _damage(where, f"{changed[0]} does not match its hash")
        return Checkpoint(step, float(manifest["seconds"]), folder)

    def fetch_latest(self, scratch: Path) -> Checkpoint | None:
        """The last checkpoint that can be read, copied to a folder in `scratch`; None where none was stored.

        Raises:
            Damaged: CHECKPOINT_DAMAGED where there are some and none can be read.
        """
        problems = []
        for step in reversed(self.steps()):
            try:
                return self.fetch(step, scratch / _name(step))
            except Damaged as error:
                log.warning("passed over: %s", error)
                problems.append(error)
        if problems:
            raise problems[0]
        return None

    def reports(self) -> list[str]:
        """Lines of the log that were stored with the checkpoints that are kept."""
        lines: list[str] = []
        for step in self.steps():
            with suppress(FileNotFoundError, Damaged):  # whoever fetches it says so
                lines += self._manifest(step)["reports"]
        return lines

    def clear(self) -> None:
        """Forget the run: its next training begins at step 0."""
        self._delete_but(set())

    def _manifest(self, step: int) -> dict[str, Any]:
        path = f"{self._path(step)}/{MANIFEST}"
        return unseal(self.store.read(path), _KIND, where=path)

    def _path(self, step: int) -> str:
        return f"{RUNS}/{self.run}/{_name(step)}"

    def _folders(self) -> dict[int, set[str]]:
        """Names of the files in each folder of a checkpoint, whole or not."""
        found: dict[int, set[str]] = defaultdict(set)
        for entry in self.store.list(f"{RUNS}/{self.run}"):
            folder, _, name = entry.path.removeprefix(f"{RUNS}/{self.run}/").partition("/")
            if match := _FOLDER.fullmatch(folder):
                found[int(match[1])].add(name)
        return found

    def _delete_but(self, kept: set[int]) -> None:
        for step, names in self._folders().items():
            if step not in kept:
                for name in sorted(names, key=MANIFEST.__ne__):  # the manifest first: never half a checkpoint
                    self.store.delete(f"{self._path(step)}/{name}")


def _name(step: int) -> str:
    return f"step-{step:09d}"


def _damage(where: str, why: str) -> Damaged:
    return Damaged(
        "CHECKPOINT_DAMAGED",
        "a stored checkpoint is not what was saved",
        where=where,
        why=why.partition("\n")[0],
        fix="delete its folder, to go on from the one before or from the beginning",
    )
