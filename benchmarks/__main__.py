"""`python -m benchmarks [NAME...] [--markdown FILE]`: measure, print one table, keep the figures as JSON."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from pathlib import Path

from benchmarks.support.figure import Figure
from benchmarks.support.report import save_json, save_markdown, table

ROOMS = {
    "overhead": "speed",
    "commit": "speed",
    "summary": "speed",
    "faults": "survival",
    "storm": "survival",
    "kills": "survival",
    "damaged_bytes": "survival",
    "scale": "speed",
    "identity": "survival",
    "startup": "speed",
    "micro": "quality",
    "worker": "speed",
    "language": "speed",
    "curate": "speed",
    "gate": "quality",
    "bombs": "survival",
    "trainer": "training",
}
LATEST = Path(__file__).parent / "results" / "latest.json"


def main() -> None:
    """Run the benchmarks that are named, or all; one that breaks down becomes a figure that says so."""
    options = _options()
    figures: list[Figure] = []
    seconds: dict[str, float] = {}
    for name in options.names or ROOMS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        began = time.monotonic()
        figures += _measured(name)
        seconds[name] = time.monotonic() - began
        print(f"{name} took {seconds[name]:.0f} s", file=sys.stderr, flush=True)
        save_json(figures, seconds, LATEST)  # after each: a run that is cut short keeps what it has
    if options.markdown:
        save_markdown(figures, options.markdown)
    print(table(figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"none: all of {', '.join(ROOMS)}")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write a page with targets and figures")
    options = parser.parse_args()
    if unknown := set(options.names) - set(ROOMS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(ROOMS)}")
    return options


def _measured(name: str) -> list[Figure]:
    try:
        return list(importlib.import_module(f"benchmarks.{ROOMS[name]}.{name}").run())
    except Exception as error:  # noqa: BLE001  the other benchmarks go on
        traceback.print_exc()
        return [Figure(name, "", "broke down", None, f"{type(error).__name__}: {error}")]


if __name__ == "__main__":
    main()
