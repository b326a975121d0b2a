"""Names and texts as SQL: quoted here and nowhere else."""

from __future__ import annotations


def quote_name(name: str) -> str:
    """A name."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """A text; SQL knows no escapes but the doubled quote."""
    return "'" + text.replace("'", "''") + "'"
