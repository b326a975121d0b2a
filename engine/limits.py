"""How large things of strangers may be, and how long they may take to answer; each limit has a variable of its name."""

from __future__ import annotations

import os
from collections.abc import Mapping

MAX_UNITS, MAX_TEXT = "MYCANVAS_MAX_UNITS", "MYCANVAS_MAX_TEXT_BYTES"
MAX_WORDS, MAX_NUMBERS = "MYCANVAS_MAX_WORDS", "MYCANVAS_MAX_NUMBERS"
ANSWER_S = 30.0
LIMITS: Mapping[str, int] = {
    "MYCANVAS_MAX_PIXELS": 8192 * 8192,  # of one stored image or mask: the largest cut-out that `segment` makes
    "MYCANVAS_MAX_ROWS": 5_000_000,  # of one Parquet file: a summary of 1,000 units of 4,096 samples has 4.1 million
    MAX_TEXT: 500_000_000,  # of one column of a shard when decoded: 4,096 rows of 100 KB
    MAX_WORDS: 5_000_000,  # of one column of text of a shard, lists in rows counted: 4,096 rows of 1,200 objects
    MAX_NUMBERS: 64_000_000,  # of any other column: 4,096 rows of 20 embeddings of 768
    MAX_UNITS: 64_000_000,  # of one dataset: a byte each while they are listed
}


def limit_below(name: str, found: int) -> int:
    """The limit of that name, where more is found; else 0."""
    said = os.environ.get(name, "")
    limit = int(said) if said.isdecimal() else LIMITS[name]
    return limit if found > limit else 0


def how_to_raise(name: str, found: int) -> str:
    """What to do about something that is larger than a limit."""
    return f"this engine writes no more, so do not trust the file; if it is yours, set {name}={found}"


def answer_limit_s() -> float:
    """Seconds in which somebody must answer where a cluster, a bucket or a hub should be; `MYCANVAS_ANSWER_S`."""
    said = os.environ.get("MYCANVAS_ANSWER_S", "")
    return (float(said) if said.replace(".", "", 1).isdecimal() else 0.0) or ANSWER_S
