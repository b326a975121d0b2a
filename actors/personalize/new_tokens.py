"""Whether a base's tokenizers know a modifier token already, read from their files without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.errors import UsageError

FILES = "vocab.json", "added_tokens.json", "tokenizer.json"


def require_new_tokens(folder: Path, tokens: Sequence[str]) -> None:
    """Refuse a pipeline's folder whose tokenizers have one of `tokens`.

    Raises:
        UsageError: TRAIN_TOKEN.
    """
    known = set(_added_words(folder))
    if found := [token for token in tokens if token in known]:
        raise known_token(found[0])


def known_token(token: str) -> UsageError:
    """TRAIN_TOKEN."""
    fix = "start from a base without personalised tokens; name it with --set base=…"
    return UsageError("TRAIN_TOKEN", f"the base's tokenizer knows {token} already", where="base", fix=fix)


def _added_words(folder: Path) -> Iterator[str]:
    for name in FILES:
        for path in folder.glob(f"tokenizer*/{name}"):
            held = json.loads(path.read_bytes())
            if name == "tokenizer.json":
                yield from (each["content"] for each in held.get("added_tokens", ()))
                held = held.get("model", {}).get("vocab", {})
            yield from held if isinstance(held, dict) else ()
