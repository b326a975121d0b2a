"""Cut-outs that a person has looked at and does not want: beside the shards, by id, each with the reason."""

from __future__ import annotations

import json
from collections.abc import Mapping

from engine.errors import UsageError
from engine.storage.store import Store

EXCLUDED = "excluded.json"


def read_exclusions(store: Store) -> dict[str, str]:
    """Reasons by ``cutout_id``; nothing where nobody excluded anything.

    Raises:
        UsageError: LIBRARY_EXCLUDED where the file does not say what it should.
    """
    if not store.exists(EXCLUDED):
        return {}
    try:
        return {str(key): str(reason) for key, reason in json.loads(store.read(EXCLUDED)).items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise UsageError(
            "LIBRARY_EXCLUDED",
            "is no JSON object of cut-outs and reasons",
            where=f"{store.uri}/{EXCLUDED}",
            why=str(error),
            fix="mend or remove it",
        ) from error


def exclude(store: Store, reasons: Mapping[str, str]) -> None:
    """Exclude cut-outs; an empty reason takes one in again. What is said last counts."""
    said = {key: reason for key, reason in {**read_exclusions(store), **reasons}.items() if reason}
    store.put(EXCLUDED, json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True).encode())
