"""Models from the hub: its own cache on this machine, filled at a pinned commit; safetensors and configs alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.errors import EnvironmentProblem
from engine.limits import answer_limit_s

SAFE_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "README.md")


def from_hub(model: str, revision: str, files: Sequence[str] = SAFE_FILES, *, fetch: bool = True) -> Path:
    """The hub's own cache of a model on this machine; without `fetch`, only what is in it already.

    Raises:
        EnvironmentProblem: WEIGHTS_MISSING.
    """
    from huggingface_hub import snapshot_download

    silence = _hub_silence() if fetch else ""
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


def _hub_silence() -> str:
    """Why nothing should be asked of the hub; empty where it answers. Its client has no limit of its own for that."""
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        get_session().head(constants.ENDPOINT, timeout=answer_limit_s())
    except Exception as error:  # noqa: BLE001  each version of the client has another network library
        return f"{constants.ENDPOINT} does not answer: {str(error) or type(error).__name__}".splitlines()[0]
    return ""
