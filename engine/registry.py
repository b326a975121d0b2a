"""Backends by name: a table of ``"module:attribute"`` strings, resolved only when one is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Generic, TypeVar, cast, final

from engine.errors import EnvironmentProblem, UsageError

T = TypeVar("T")

EXTRAS = {"onnxruntime": "photo", "vllm": "vllm", "openai": "openai", "aiolimiter": "openai"}
"""Packages that another extra than `models` brings."""


@final
class Registry(Generic[T]):
    """Names of one kind of backend. Reading the table imports nothing."""

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self._kind, self._table = kind, dict(table)

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def add(self, name: str, target: str) -> None:
        """Enter one more ``"module:attribute"``, such as a record or a stage of your own.

        Raises:
            ValueError: the name is taken by another one.
        """
        if self._table.setdefault(name, target) != target:
            raise ValueError(f"{name!r} is taken: a {self._kind} of that name is {self._table[name]}")

    def require(self, name: str) -> str:
        """The name, if it is in the table: a validator for the fields of a spec.

        Raises:
            ValueError: lists the right names.
        """
        if name not in self._table:
            raise ValueError(f"no {self._kind} is called {name!r}; there are: {', '.join(self._table)}")
        return name

    def resolve(self, name: str) -> T:
        """The class or function behind `name`.

        Raises:
            UsageError: no such name; lists the right ones.
            EnvironmentProblem: the backend's library is not installed.
        """
        if name not in self._table:
            near = get_close_matches(name, self._table, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(
                "BACKEND_UNKNOWN",
                f"no {self._kind} is called {name!r}",
                fix=f"{hint}there are: {', '.join(self._table)}",
            )
        module, attribute = self._table[name].split(":")
        try:
            return cast("T", getattr(import_module(module), attribute))
        except ModuleNotFoundError as error:
            raise EnvironmentProblem(
                "LIBRARY_MISSING",
                f"the {self._kind} {name!r} needs the package {error.name!r}",
                fix=_install(EXTRAS.get(error.name or "", "models")),
            ) from error


def _install(extra: str) -> str:
    """The command that brings an extra; vLLM wants another numpy than the constraints name."""
    pinned = "" if extra == "vllm" else " -c constraints.txt"
    return f"pip install 'mycanvas-engine[{extra}]'{pinned}"
