"""Run the steps of a study, some at a time; what is done stays done, and what failed is said at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from benchmarks.evidence.study import Step, keys_of
from benchmarks.support.child_process import ChildFailed, mycanvas

DONE = "_steps"
LIMIT_S = 6 * 3600.0


def run_steps(steps: Sequence[Step], out: Path, *, at_once: int) -> dict[str, str]:
    """Run what is not done yet; problems by the name of the step. What needs a failed step is left out."""
    keys = keys_of(steps)
    left = {step.name: step for step in steps if not is_done(step.name, keys[step.name], out)}
    problems: dict[str, str] = {}
    running: dict[Future[None], Step] = {}
    with ThreadPoolExecutor(at_once) as pool:
        while left or running:
            for step in [step for step in left.values() if not (set(step.after) & _open(left, running, problems))]:
                if len(running) < at_once:
                    running[pool.submit(_run, step, keys[step.name], out)] = left.pop(step.name)
            if not running:
                break  # what is left needs what failed
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                step = running.pop(future)
                if (error := future.exception()) is not None:
                    problems[step.name] = str(error)
                    print(error, flush=True)
                print(f"{'failed' if error else 'done'}  {step.name}   {len(left)} left", flush=True)
    return problems


def is_done(name: str, key: str, out: Path) -> bool:
    """Whether this very command has ended well here before, on what these very commands made."""
    note = _note(name, out)
    return note.is_file() and json.loads(note.read_text())["key"] == key


def seconds_of(steps: Sequence[Step], out: Path) -> dict[str, float]:
    """How long each step took that is done."""
    done = [name for name, key in keys_of(steps).items() if is_done(name, key, out)]
    return {name: float(json.loads(_note(name, out).read_text())["seconds"]) for name in done}


def _open(left: dict[str, Step], running: dict[Future[None], Step], problems: dict[str, str]) -> set[str]:
    return {*left, *(step.name for step in running.values()), *problems}


def _run(step: Step, key: str, out: Path) -> None:
    began = time.monotonic()
    try:
        mycanvas(*step.words, timeout_s=LIMIT_S)
    except ChildFailed as error:
        raise ChildFailed(f"{step.name}: {error}") from error
    note = _note(step.name, out)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"key": key, "seconds": round(time.monotonic() - began, 1)}))


def _note(name: str, out: Path) -> Path:
    return out / DONE / f"{name.replace('/', '--')}.json"
