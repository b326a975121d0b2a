"""Models from the hub: its own cache on this machine, filled at a pinned commit; safetensors and configs alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from engine.errors import EnvironmentProblem
from engine.limits import answer_limit_s

SAFE_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "README.md")


def from_hub(model: str, revision: str, files: Sequence[str] = SAFE_FILES, *, fetch: bool = True) -> Path:
    """The hub's own cache of a model on this machine; without `fetch`, only what is in it already.

    Raises:
        EnvironmentProblem: WEIGHTS_MISSING.
    """
    from huggingface_hub import constants, snapshot_download

    silence = _hub_silence(constants.ENDPOINT) if fetch and not constants.HF_HUB_OFFLINE else ""
    try:
        here = not fetch or bool(silence)
        return Path(snapshot_download(model, revision=revision, allow_patterns=list(files), local_files_only=here))
    except OSError as error:  # the hub's own errors and those of the network all derive from it
        raise EnvironmentProblem(
            "WEIGHTS_MISSING",
            f"cannot get {model!r} at {revision[:8]} from the hub",
            why=silence or (str(error) or type(error).__name__).splitlines()[0],
            fix=f"where the hub can be reached: hf download {model} --revision {revision}; or name a local folder",
        ) from None


@cache
def _hub_silence(endpoint: str) -> str:
    """Why nothing should be asked of a hub; empty where it answers. Its client has no limit of its own for that."""
    from huggingface_hub import get_session

    try:
        get_session().head(endpoint, timeout=answer_limit_s())
    except Exception as error:  # noqa: BLE001  each version of the client has another network library
        return f"{endpoint} does not answer: {str(error) or type(error).__name__}".splitlines()[0]
    return ""
