"""A part of the micro family: how it is trained from Toybox sets, what it is built on, how well it does.

Sets are memory maps and parts are model folders, so both are folders on a disk here. Of a family behind an object
store a copy is worked on, and a finished part is put there whole.
"""

from __future__ import annotations

import tempfile
from abc import ABC
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import ClassVar, final

from engine.errors import UsageError
from engine.storage.folders import fetch_file, local_path, put_folder
from engine.storage.open_store import open_store
from engine.storage.store import TMP, Store
from engine.training.checkpoints import RUNS
from engine.training.context import TrainContext
from engine.training.spec import TrainingSpec


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of ``mycanvas micro evaluate``: `value` should reach `target`, where it has one; more is better."""

    part: str
    metric: str
    value: float
    target: float | None = None

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.value >= self.target


@dataclass(frozen=True, slots=True)
class PartFolders:
    """Where a training of a part reads and writes, on this disk.

    Attributes:
        data: the rendered Toybox sets.
        family: the parts that were trained before.
        part: rank 0 saves the finished part here.
    """

    data: Path
    family: Path
    part: Path


class MicroTraining(TrainingSpec, ABC):
    """How one part of the family is trained and measured; `name` is the part's.

    The first line of its docstring is the sentence on its architecture in ``docs/micro.md``.
    """

    module: ClassVar[str] = ""
    """Where `train_part` and `evaluate` stand, functions of the spec: it loads model libraries, and the spec none."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Parts that must have been trained before."""
    by_name: ClassVar[bool] = False
    """Whether it is trained and measured only where it is named: hours of a part that does not ship."""
    homes: ClassVar[tuple[str, ...]] = ()
    """Where in the family the finished part may lie besides ``<name>``: inside a part that is built on it."""

    @final
    def train(self, context: TrainContext) -> None:
        """Train; rank 0 puts the part under ``out/<name>``.

        Raises:
            UsageError: TOYSETS_NOT_LOCAL, and what `train_part` raises.
        """
        data = local_data(context.data)
        with tempfile.TemporaryDirectory(prefix="mc-part-") as scratch:
            family = local_family(context.out, Path(scratch) / "family")
            folders = PartFolders(data, family, Path(scratch) / self.name)
            self.train_part(context, folders)
            if context.rank == 0:
                put_folder(open_store(context.out), self.name, folders.part)

    def train_part(self, context: TrainContext, folders: PartFolders) -> None:
        """Train; rank 0 saves the part in `folders.part`, in the format of its production counterpart.

        Raises:
            UsageError: TRAINING_DIVERGED.
        """
        import_module(self.module).train_part(self, context, folders)

    def evaluate(self, family: Path, data: Path, seed: int) -> list[Measurement]:
        """Measure a finished part on data that training never saw.

        Args:
            family: the family's folder; the part is loaded through the same backend as a large model.
            data: folder of the rendered Toybox sets.
            seed: of what is drawn in the measurement.
        """
        rows: list[Measurement] = import_module(self.module).evaluate(self, family, data, seed)
        return rows


def measure_part(spec: MicroTraining, out: str, data: str, seed: int) -> list[Measurement]:
    """Figures of a finished part of the family under a URI."""
    with tempfile.TemporaryDirectory(prefix="mc-family-") as scratch:
        return spec.evaluate(local_family(out, Path(scratch)), local_data(data), seed)


def local_data(uri: str) -> Path:
    """The folder of the Toybox sets.

    Raises:
        UsageError: TOYSETS_NOT_LOCAL.
    """
    folder = local_path(open_store(uri))
    if folder is None:
        raise UsageError(
            "TOYSETS_NOT_LOCAL",
            "Toybox sets are mapped into memory, and an object store cannot be",
            where=uri,
            fix="--data FOLDER, on a disk that every node sees",
        )
    return folder


def local_family(uri: str, scratch: Path) -> Path:
    """The family's folder, or a copy in `scratch` where it lies behind an object store."""
    store = open_store(uri)
    folder = local_path(store)
    if folder is not None:
        return folder
    for path in _paths_of_parts(store):
        fetch_file(store, path, scratch / path)
    return scratch


def _paths_of_parts(store: Store) -> list[str]:
    """All files but those of trainings, which may have been given the same place."""
    tops = ((entry.path.partition("/")[0], entry.path) for entry in store.list())
    return [path for top, path in tops if top not in (RUNS, TMP)]
