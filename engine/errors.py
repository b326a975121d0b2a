"""Every way a run can go wrong, as one tree.

    MyCanvasError                 what, where, why and how to mend it       exit
    ├── UsageError                the command, recipe or photos are wrong    2
    ├── OverBudget                finished, but too many rows failed         3
    ├── EnvironmentProblem        this machine or cluster cannot do it       4
    ├── Damaged                   stored bytes are not what was committed    6
    └── SampleError               one row cannot be made; the run goes on    -

The branch says what may be done about it; `code` says what happened. `docs/errors.md` lists every code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

EXIT_INTERRUPTED, EXIT_STOPPED = 130, 143  # as shells say it: 128 and the number of SIGINT, SIGTERM


class MyCanvasError(Exception):
    """An error written for the person at the keyboard.

    Args:
        code: stable upper-case name such as ``RECIPE_KEY``.
        what: one line, what is wrong.
        where: file, key or row that it concerns.
        why: the cause, where it is not plain from `what`.
        fix: what to type or change.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, what: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        super().__init__(code, what, where, why, fix)
        self.code, self.what, self.where, self.why, self.fix = code, what, where, why, fix

    def __str__(self) -> str:
        head = f"{self.code}  {self.where + ': ' if self.where else ''}{self.what}"
        tail = [f"{label}: {text}" for label, text in (("why", self.why), ("fix", self.fix)) if text]
        return "\n".join([head, *tail])

    def __reduce__(self) -> tuple[object, ...]:
        """Keep all five parts when the error crosses a process."""
        return (_rebuild, (type(self), self.args))


def to_json(error: MyCanvasError) -> str:
    """An error as text: what a worker hands to the driver, since Ray hands on only the text of an exception's cause."""
    return json.dumps([type(error).__name__, *error.args])


def from_json(text: str) -> MyCanvasError:
    """Read back what `to_json` wrote."""
    name, *parts = json.loads(text)
    kinds = {kind.__name__: kind for kind in (UsageError, OverBudget, EnvironmentProblem, Damaged, SampleError)}
    return _rebuild(kinds.get(name, MyCanvasError), parts)


def _rebuild(kind: type[MyCanvasError], parts: Sequence[str]) -> MyCanvasError:
    code, what, where, why, fix = parts
    return kind(code, what, where=where, why=why, fix=fix)


class UsageError(MyCanvasError):
    """The command, the recipe or its inputs are wrong; nothing was started."""

    exit_code = 2


class OverBudget(MyCanvasError):
    """The run finished, but more rows failed than ``--max-failures`` allows."""

    exit_code = 3


class EnvironmentProblem(MyCanvasError):
    """This machine, cluster or installation cannot do what was asked."""

    exit_code = 4


class Damaged(MyCanvasError):
    """Stored bytes are not what was committed."""

    exit_code = 6


class SampleError(MyCanvasError):
    """One row cannot be made. Workers return or raise it; the row becomes a failure and the run goes on."""
