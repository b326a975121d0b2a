"""The connection to a cluster's job API: its token, and what its client's errors mean.

Ray's client sends a token only where `RAY_AUTH_MODE=token` is set, and then says nothing of where one comes from.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

from cluster.auth_token import find_token
from engine.errors import EnvironmentProblem, UsageError
from engine.limits import answer_limit_s

TALKATIVE = ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk")  # of packages and sockets
ASKS, REFUSES, NO_AGENT = "Authentication required", "Authentication failed", "No available agent"
"""What Ray's client says of a 401, of a 403, and of a cluster none of whose nodes can run a job's command yet."""
_HOW = "`ray get-auth-token` on its head prints it: set RAY_AUTH_TOKEN to it, or copy the head's ~/.ray/auth_token here"


def connect(address: str) -> Any:
    """Ray's client for the API at `address`; a token goes to clusters that ask for one, and to no other.

    Raises:
        EnvironmentProblem: RAY_UNREACHABLE, RAY_TOKEN.
    """
    from ray.exceptions import AuthenticationError  # 0.7 s: only these commands pay for it

    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    with explain_errors(address):
        client = _client_with_limit()
        try:
            return client(address)
        except AuthenticationError as error:
            token, _ = find_token()
            if ASKS not in str(error) or not token:
                raise
            return client(address, headers={"Authorization": f"Bearer {token}"})


def _client_with_limit() -> Any:
    """Ray's client, whose requests wait for ever where somebody listens and does not answer, with a limit."""
    from ray.job_submission import JobSubmissionClient

    @final
    class LimitedClient(JobSubmissionClient):  # type: ignore[misc]  # ray has no types
        def _do_request(self, method: str, endpoint: str, **options: Any) -> Any:
            return super()._do_request(method, endpoint, **{"timeout": answer_limit_s(), **options})

    return LimitedClient


@contextmanager
def explain_errors(address: str) -> Iterator[None]:
    """Errors of Ray's client, which are those of any library that it uses, as one of ours."""
    try:
        yield
    except (EnvironmentProblem, UsageError):
        raise
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise _explain(address, said) from error


def _explain(address: str, said: str) -> EnvironmentProblem:
    where = f"--address {address}"
    if ASKS in said:
        return EnvironmentProblem("RAY_TOKEN", "the cluster asks for a token, and none is here", where=where, fix=_HOW)
    if REFUSES in said:
        what = f"the cluster refuses the token of {find_token()[1]}"
        return EnvironmentProblem("RAY_TOKEN", what, where=where, fix=_HOW)
    fix = "give the address of its dashboard, http://head:8265"
    if NO_AGENT in said:
        fix = (
            "wait some seconds after its start; if that does not help, its nodes and its head have different tokens:"
            " start all of them with the same RAY_AUTH_TOKEN"
        )
    what = "the cluster does not take jobs from here"
    return EnvironmentProblem("RAY_UNREACHABLE", what, where=where, why=said, fix=fix)
