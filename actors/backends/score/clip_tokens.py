"""How long a text is for CLIP: the byte-pair encoding of Radford et al. 2021, which comes with open_clip."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

ENDS = 2  # marks of beginning and end


def clip_tokens(text: str) -> int:
    """Tokens of a text, marks of beginning and end included."""
    return len(_tokenizer().encode(text)) + ENDS


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()
