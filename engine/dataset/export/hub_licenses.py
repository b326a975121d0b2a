"""Licences as the Hugging Face hub has them: it takes no card that names another."""

from __future__ import annotations

import re
from collections.abc import Iterable

_KNOWN = re.compile(r"(cc0-1\.0|cc-by(-sa|-nc|-nd|-nc-sa|-nc-nd)?-[234]\.0|mit|apache-2\.0|openrail\+\+|unknown)")


def hub_licenses(stated: Iterable[str]) -> list[str]:
    """The hub's identifiers for licences that were stated with photos, each once; `other` for what it does not know."""
    named = (name.lower() for name in stated)
    return list(dict.fromkeys(name if _KNOWN.fullmatch(name) else "other" for name in named)) or ["unknown"]
