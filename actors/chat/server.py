"""Where a language model is served, and how hard it may be pressed. No part of what a row depends on."""

from __future__ import annotations

from typing import Annotated, final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from engine.run.stage import Spec


def _plain(url: str) -> str:
    """`url`, if it is one of HTTP without user, password, query or fragment: those end up in logs and locks."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable():
        raise ValueError("the address of a server looks like http://host:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an address holds no user, password, query or fragment; a key comes from `key_variable`")
    return url


@final
class Server(Spec):
    """An OpenAI-compatible server: vLLM's, SGLang's, llama.cpp's, or a paid one."""

    url: Annotated[str, AfterValidator(_plain)] = Field(description="root of its API, such as http://host:8000/v1")
    key_variable: str = Field(
        default="", pattern=r"^([A-Z][A-Z0-9_]*)?$", description="environment variable that holds the key; none: no key"
    )
    concurrency: int = Field(default=16, ge=1, le=1024, description="questions of a worker that are open at once")
    requests_per_minute: float = Field(default=0, ge=0, description="of a worker, retries counted; 0: no limit")
    patience_s: float = Field(default=60.0, gt=0, description="longest wait for one answer")
    retries: int = Field(default=5, ge=0, le=20, description="after 408, 409, 429, 5xx and broken connections")
    answers: str = Field(default="", description="folder or s3:// prefix that keeps the answers; empty: OUT/_answers")
