"""`python -m benchmarks.evidence [STUDY] --out FOLDER`: make what is missing of a study, and write what it found."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.evidence.curve import save_curve
from benchmarks.evidence.findings import gather
from benchmarks.evidence.page import save_numbers, save_page
from benchmarks.evidence.progress import run_steps, seconds_of
from benchmarks.evidence.study import plan, read_study

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Run, gather, write; 1 where a step failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description=__doc__)
    parser.add_argument("study", nargs="?", default="evidence", help="evidence, evidence-quick, or a YAML file")
    parser.add_argument("--out", type=Path, default=Path("out/evidence"), help="everything that is made")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where evidence.md and evidence.svg go")
    parser.add_argument("--numbers", type=Path, default=ROOT / "benchmarks" / "results" / "evidence.json")
    parser.add_argument("--at-once", type=int, default=2, help="commands that run at a time, of one core each")
    asked = parser.parse_args()
    study, out = read_study(asked.study), asked.out.resolve()
    steps = plan(study, out)
    problems = run_steps(steps, out, at_once=asked.at_once)
    found = gather(study, out, range(len(study.groups)))
    ablated = gather(study, out, study.ablated)
    if found.groups:
        asked.docs.mkdir(parents=True, exist_ok=True)
        seconds = sum(seconds_of(steps, out).values())
        save_page(study, found, ablated, seconds, asked.docs / "evidence.md")
        save_numbers(study, found, ablated, seconds, asked.numbers)
        save_curve(study, ablated if ablated.groups else found, asked.docs / "evidence.svg")
    for problem in problems.values():
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
