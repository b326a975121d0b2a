"""An artifact's manifest behind a store, read without torch: what was trained, on what, under which hash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from engine.errors import EnvironmentProblem, UsageError
from engine.rows.values import Model
from engine.storage.hashes import digest
from engine.storage.store import Store
from planners.train.prompts import ConceptWords

MANIFEST = "manifest.json"


def read_manifest(store: Store) -> dict[str, Any]:
    """What `actors.personalize.artifact.save_artifact` wrote; `hash` is that of the manifest, and so of all files.

    Raises:
        EnvironmentProblem: ARTIFACT_DAMAGED.
    """
    try:
        data = store.read(MANIFEST)
        manifest: dict[str, Any] = json.loads(data)
        concepts_of(manifest)
        manifest["files"], manifest["tokens"], manifest["base"]["name"], manifest["base_from"], manifest["metrics"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damage(store.uri, str(error)) from error
    return manifest | {"hash": digest(data)[:16]}


def concepts_of(manifest: dict[str, Any]) -> Sequence[ConceptWords]:
    """The concepts that an artifact knows."""
    return [ConceptWords(**each) for each in manifest["words"]]


def require_base(manifest: dict[str, Any], base: Model, where: str) -> None:
    """Refuse another base than the one that an artifact was trained on.

    Raises:
        UsageError: ARTIFACT_BASE.
    """
    trained_on = Model(**manifest["base"])
    if (trained_on.name, trained_on.revision) != (base.name, base.revision):
        raise UsageError(
            "ARTIFACT_BASE",
            f"was trained on {trained_on.name} at {trained_on.revision}",
            where=where,
            why=f"this base is {base.name} at {base.revision}",
            fix="give the base that it names",
        )


def damage(where: str, why: str) -> EnvironmentProblem:
    """ARTIFACT_DAMAGED."""
    fix = "train it again, or restore it from a copy"
    return EnvironmentProblem("ARTIFACT_DAMAGED", "is no whole artifact", where=where, why=why, fix=fix)
