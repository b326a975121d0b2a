"""Figures as a table on the terminal, as JSON and as a page of the documentation."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.support.figure import Figure

HEAD = ("figure", "target", "measured", "met")
_LIBRARIES = ("ray", "pyarrow", "numpy")

_PAGE = """# Benchmarks: what was expected and what came out

Measured by `python -m benchmarks` on {machine}. How each figure is taken, and what it leaves out, is said in
`benchmarks/README.md`. Ratios compare runs on one machine, one after the other; seconds are this machine's alone.

{table}

## Details

{details}
"""


def table(figures: Sequence[Figure]) -> str:
    """The figures in aligned columns."""
    rows = [HEAD, *((f.name, f.target, f.shown, f.verdict) for f in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def save_json(figures: Sequence[Figure], seconds: Mapping[str, float], path: Path) -> None:
    """Write the figures, the seconds that each benchmark took, and what they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": machine(),
        "seconds": {name: round(spent, 1) for name, spent in seconds.items()},
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def save_markdown(figures: Sequence[Figure], path: Path) -> None:
    """Write the page."""
    rows = [f"| {' | '.join(map(_cell, (f.name, f.target, f.shown, f.verdict)))} |" for f in figures]
    head = [f"| {' | '.join(HEAD)} |", "|---|---|---|---|"]
    told = machine()
    text = _PAGE.format(
        machine=", ".join(f"{key} {value}" for key, value in told.items()),
        table="\n".join([*head, *rows]),
        details="\n".join(f"- **{f.name}**: {f.detail}" for f in figures if f.detail),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "GiB of memory": round(pages * size / 1024**3),
        "kernel": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _LIBRARIES},
    }


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
