"""One bad row costs one row: a batch that raises is halved down to the row that does it."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.errors import MyCanvasError, SampleError
from engine.rows.values import Failure
from engine.run.stage import Worker

MAX_MESSAGE = 500
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def call_guarded(stage: str, worker: Worker, rows: Sequence[Any]) -> list[Any]:
    """The worker's answers, with a `Failure` in place of every row that it refused or that made it raise.

    A worker that raises on a batch of n is asked again at most 2n - 1 times. Errors about the machine, the recipe or
    stored bytes are not a row's fault: they pass through and stop the run.
    """
    try:
        answers = worker(rows)
    except SampleError as error:
        return _call_halves(stage, worker, rows, error)
    except MyCanvasError:
        raise
    except Exception as error:  # noqa: BLE001  what a worker may raise is not known here; the row records it
        return _call_halves(stage, worker, rows, error)
    if len(answers) != len(rows):
        raise MyCanvasError("STAGE_MISCOUNTED", f"{len(answers)} answers for {len(rows)} rows", where=f"stage {stage}")
    return [_failure(stage, answer) if isinstance(answer, SampleError) else answer for answer in answers]


def _call_halves(stage: str, worker: Worker, rows: Sequence[Any], error: Exception) -> list[Any]:
    if len(rows) == 1:
        return [_failure(stage, error)]
    middle = len(rows) // 2
    return [*call_guarded(stage, worker, rows[:middle]), *call_guarded(stage, worker, rows[middle:])]


def _failure(stage: str, error: Exception) -> Failure:
    if isinstance(error, SampleError):
        return Failure(stage, error.code, _storable_text(str(error)))
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return Failure(stage, "STAGE_RAISED", _storable_text(f"{type(error).__name__}: {error}{place}"))


def _storable_text(text: str) -> str:
    """The message without what a shard cannot hold or no two runs share: lone surrogates, memory addresses."""
    return _ADDRESS.sub("", text.encode("utf-8", "replace").decode())[:MAX_MESSAGE]
