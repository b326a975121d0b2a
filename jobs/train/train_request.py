"""What is asked of `train`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cluster.session import LOCAL
from engine.errors import UsageError
from engine.storage.open_store import open_store
from engine.training.resources import TrainingStorage
from jobs.train.trainings import Training


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes that train together: at least `least`, and up to `most` as nodes come and go."""

    least: int = 1
    most: int = 1


def parse_workers(text: str) -> Workers:
    """``4`` or ``2..8``.

    Raises:
        UsageError: TRAIN_WORKERS.
    """
    found = re.fullmatch(r"(\d{1,5})(?:\.\.(\d{1,5}))?", text.strip())
    least, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= least <= most:
        fix = "4, or 2..8 for as many as there are room for"
        raise UsageError("TRAIN_WORKERS", f"{text!r} is no number of workers", where="--workers", fix=fix)
    return Workers(least, most)


def one_of(text: str, *known: str) -> str:
    """A word that is known.

    Raises:
        UsageError: TRAIN_EACH.
    """
    if text not in known:
        fix = f"one of: {', '.join(known)}"
        raise UsageError("TRAIN_EACH", f"{text!r} is no way to train concepts", where="--concepts", fix=fix)
    return text


def one_source(data: str, photos: str) -> str:
    """The one place to train from.

    Raises:
        UsageError: TRAIN_DATA where there are two or none; URI_UNSUPPORTED, URI_NOT_A_FOLDER.
    """
    if bool(data) == bool(photos):
        what = "both --data and --photos are given" if data else "there is nothing to train on"
        fix = "--data DATASET, rows of compose or a view of them; or --photos DIR, a folder for each concept"
        raise UsageError("TRAIN_DATA", what, where="--data, --photos", fix=fix)
    if data:
        open_store(data)  # where no dataset can lie, photos would be looked for
    return data or photos


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """What the user asked for."""

    training: Training
    data: str
    out: str
    address: str = LOCAL
    workers: Workers = Workers()
    cores: int | None = None

    @property
    def storage(self) -> TrainingStorage:
        """Where it reads and writes, for processes with other working folders."""
        return TrainingStorage(data=self.data, out=self.out, work=self.out).absolute()
