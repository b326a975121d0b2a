"""The JSON objects in what a language model says, whatever it says around them."""

from __future__ import annotations

from collections.abc import Iterator

_TRIED = 8


def json_objects(text: str) -> Iterator[str]:
    """Outermost {...} of a text, at most eight tries; braces in JSON strings do not count."""
    start = text.find("{")
    for _ in range(_TRIED):
        if start < 0:
            return
        end = _closing_brace(text, start)
        if end is not None:
            yield text[start:end]
        start = text.find("{", start + 1 if end is None else end)


def _closing_brace(text: str, start: int) -> int | None:
    depth, quoted, escaped = 0, False, False
    for position in range(start, len(text)):
        character = text[position]
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in "{}":
            depth += 1 if character == "{" else -1
            if depth == 0:
                return position + 1
    return None
