"""Answers of a language model, kept: what it answered once is not asked again by a retry, a resume or another run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, final

from engine.storage.store import Store


def question_key(question: dict[str, Any]) -> str:
    """64 hex digits of everything that an answer depends on: model, prompt, schema, sampling."""
    text = json.dumps(question, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=32).hexdigest()


@final
@dataclass(frozen=True, slots=True)
class Answers:
    """One small file an answer, in 256 folders; many workers may share them."""

    store: Store

    def find(self, key: str) -> str | None:
        """The answer to the question of that key, if there is one."""
        try:
            return str(json.loads(self.store.read(_path(key)))["answer"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):  # a damaged answer is asked for again
            return None

    def keep(self, key: str, answer: str) -> str:
        """Keep an answer; returns the one that all workers have from now on, which is the first."""
        data = json.dumps({"answer": answer}).encode()
        if self.store.create(_path(key), data):
            return answer
        earlier = self.find(key)
        if earlier is None:
            self.store.put(_path(key), data)
        return answer if earlier is None else earlier


def _path(key: str) -> str:
    return f"{key[:2]}/{key}.json"
