"""`mycanvas import`: what another tool trained, as an artifact that `sample` and plain diffusers take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cluster.remote_call import call, call_here
from cluster.session import session
from engine.errors import UsageError
from engine.storage.open_store import open_store

WORK = "actors.personalize.import_legacy:import_legacy"


def import_artifact(
    path: str, base: str, revision: str, classes: Sequence[str], out: str, *, side: int, address: str
) -> list[str]:
    """Write the artifact, in a worker: this process loads no model. Its tokens.

    Args:
        path: file or folder of the other tool.
        base: that it was trained on.
        revision: commit of a hub id.
        classes: ``new1=dog`` and the like.
        out: URI of the artifact.
        side: of its pictures in pixels.
        address: of Ray.

    Raises:
        UsageError: LEGACY_CLASS, and those of `actors.personalize.import_legacy`.
        EnvironmentProblem: those of `actors.personalize.import_legacy` and of the cluster.
    """
    named = {}
    for item in classes:
        token, _, kind = (part.strip() for part in item.partition("="))
        if not token or not kind:
            raise UsageError("LEGACY_CLASS", f"{item!r} names no class", where="--class", fix="--class new1=dog")
        named[f"<{token.strip('<>')}>"] = kind
    with session(address) as capacity:
        arguments = (str(Path(path).absolute()), (base, revision), named, open_store(out).uri, side)
        tokens: list[str] = (call if capacity.ray else call_here)(WORK, *arguments)
    return tokens
