"""The token of a Ray cluster: where it lies, who may read it, and one for a private cluster, whatever is set."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

AUTH_MODE, AUTH_TOKEN, TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"


def token_file() -> Path:
    """Where Ray's own tools keep the token."""
    return Path(os.environ.get(TOKEN_PATH) or Path.home() / ".ray" / "auth_token")


def is_open_to_others(path: Path) -> bool:
    """Whether other users of the machine can read a token's file; Ray writes it so (0644)."""
    return bool(path.stat().st_mode & 0o077)


def find_token() -> tuple[str, str]:
    """The token that Ray's own tools would use, and where it was found; empty where there is none."""
    if token := os.environ.get(AUTH_TOKEN, ""):
        return token, AUTH_TOKEN
    path = token_file()
    try:
        return path.read_text().strip(), str(path)
    except (OSError, ValueError):
        return "", str(path)


def close_token_file() -> None:
    """Let nobody but its owner read the token."""
    path = token_file()
    with contextlib.suppress(OSError):
        if is_open_to_others(path):
            path.chmod(0o600)


@contextlib.contextmanager
def with_token() -> Iterator[None]:
    """A private cluster asks for a token whatever the environment says: other users of the machine reach loopback.

    Ray reads this once, when it is imported.
    """
    if os.environ.get(AUTH_MODE) != "disabled" or "ray" in sys.modules:
        yield
        return
    before = os.environ.get(AUTH_TOKEN)
    os.environ.update({AUTH_MODE: "token", AUTH_TOKEN: os.urandom(32).hex()})
    try:
        yield
    finally:
        os.environ[AUTH_MODE] = "disabled"
        os.environ.pop(AUTH_TOKEN)
        if before is not None:
            os.environ[AUTH_TOKEN] = before
