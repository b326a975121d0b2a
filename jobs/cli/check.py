"""The commands that check: verify, gc, doctor."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from jobs.cli.options import Output, Run, group
from jobs.console import Console

commands = group()


@commands.command()
def verify(dataset: Run, output: Output = "auto") -> None:
    """Read every stored byte and name what is damaged; exit code 6 when something is.

    Example: mycanvas verify out/mine
    """
    from jobs.curate.verify import verify as job

    job(dataset, Console(output))


@commands.command()
def gc(
    dataset: Run,
    delete: Annotated[bool, typer.Option(help="delete them; without it they are only listed")] = False,
    older_than: Annotated[float, typer.Option(help="hours; younger leftovers may belong to a live run")] = 24.0,
    output: Output = "auto",
) -> None:
    """List, or delete, what dead runs left behind. Committed files are never touched.

    Example: mycanvas gc out/mine --delete
    """
    from jobs.curate.gc import collect as job

    job(dataset, Console(output), delete=delete, older_than_hours=older_than)


@commands.command()
def doctor(output: Output = "auto") -> None:
    """Check that this machine is fit, and say how to mend what is not.

    Example: mycanvas doctor
    """
    from dataclasses import asdict

    from jobs.doctor import examine

    findings = examine()
    lines = [f"{f.verdict:<5} {f.name:<16} {f.detail}" + (f"\n      fix: {f.fix}" if f.fix else "") for f in findings]
    Console(output).result({"findings": [asdict(finding) for finding in findings]}, lines)
    if any(finding.verdict == "fail" for finding in findings):
        sys.exit(4)
