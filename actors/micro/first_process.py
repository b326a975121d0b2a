"""What the first process of a training makes on a disk that all of them see, and the others wait for."""

from __future__ import annotations

import time
from pathlib import Path

from engine.errors import EnvironmentProblem

PATIENCE_S = 3600


def wait_for(path: Path) -> None:
    """Return when `path`, a file or a folder, is there; whoever makes it moves it there whole.

    Raises:
        EnvironmentProblem: LATENTS_MISSING where it did not come within an hour.
    """
    begun = time.monotonic()
    while not path.exists():
        if time.monotonic() - begun > PATIENCE_S:
            raise EnvironmentProblem(
                "LATENTS_MISSING",
                "the first process did not prepare the pictures",
                where=str(path),
                why=f"waited {PATIENCE_S} s; do all processes see one folder of data?",
                fix="put the data on storage that every node sees",
            )
        time.sleep(1)
