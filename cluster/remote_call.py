"""Calls in processes of the cluster: for work that is no row's, such as measuring a model or writing one.

The function is named and not given, so that the process that asks need not import it, nor the model library behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from engine.errors import EnvironmentProblem, MyCanvasError, from_json, to_json


def call(function: str, *arguments: Any, cpus: float = 1.0, gpus: float = 0.0, env: Mapping[str, str] = {}) -> Any:
    """What a function answers in a worker, inside a session.

    Args:
        function: ``"module:attribute"``.
        arguments: of the call; they go to the worker.
        cpus: cores that are reserved for it.
        gpus: GPUs that it gets.
        env: of the worker's process.

    Raises:
        MyCanvasError: what the function raised.
        EnvironmentProblem: WORKER_DIED where its process ended, or it raised anything else.
    """
    import ray

    remote = _remote(cpus, gpus, env, retries=0)
    try:
        answer, problem = ray.get(remote.remote(function, arguments))
    except Exception as error:
        raise _death(function, error) from error
    if problem:
        raise from_json(problem)
    return answer


def call_each(
    function: str,
    argument_lists: Sequence[tuple[Any, ...]],
    *,
    cpus: float = 1.0,
    gpus: float = 0.0,
    env: Mapping[str, str] = {},
    retries: int = 3,
) -> Iterator[tuple[int, MyCanvasError | None]]:
    """Many calls, as many at a time as the cluster has room for; which one ended, as each does, and its problem.

    Args:
        function: ``"module:attribute"``; calling it again goes on where it was.
        argument_lists: of each call.
        cpus: cores of each.
        gpus: GPUs of each, or a share of one.
        env: of the workers' processes.
        retries: how often a call is made again whose process died.
    """
    import ray

    remote = _remote(cpus, gpus, env, retries=retries)
    left = {remote.remote(function, arguments): number for number, arguments in enumerate(argument_lists)}
    while left:
        (ended,), _ = ray.wait(list(left), num_returns=1)
        yield left.pop(ended), _problem_of(ended, function)


def call_here(function: str, *arguments: Any) -> Any:
    """The same call in this process, where there is no cluster."""
    module, _, attribute = function.partition(":")
    return getattr(import_module(module), attribute)(*arguments)


def _remote(cpus: float, gpus: float, env: Mapping[str, str], *, retries: int) -> Any:
    import ray

    needs = {"num_cpus": cpus, "num_gpus": gpus or None, "runtime_env": {"env_vars": dict(env)}}
    return ray.remote(max_retries=retries, **needs)(_answer)


def _problem_of(ended: Any, function: str) -> MyCanvasError | None:
    import ray

    try:
        _, problem = ray.get(ended)
    except Exception as error:  # noqa: BLE001 - told as the problem of one call; the others go on
        return _death(function, error)
    return from_json(problem) if problem else None


def _death(function: str, error: Exception) -> EnvironmentProblem:
    return EnvironmentProblem(
        "WORKER_DIED",
        f"the process that ran {function!r} ended before it answered",
        why=(str(error).strip() or type(error).__name__).splitlines()[-1],
        fix="see to memory and GPUs, then run the same command again",
    )


def _answer(function: str, arguments: tuple[Any, ...]) -> tuple[Any, str]:
    """The answer, or the text of a problem of ours: of an exception Ray hands on the text alone."""
    try:
        return call_here(function, *arguments), ""
    except MyCanvasError as error:
        return None, to_json(error)
