"""The commands for a cluster that others keep running: submit, status, logs, stop."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import EXIT_INTERRUPTED
from jobs.cli.options import Output, group
from jobs.console import Console, plain

if TYPE_CHECKING:
    from cluster.submit import Job, Submissions

Head = Annotated[str, typer.Option("--address", help="dashboard of the cluster, http://head:8265")]
JobId = Annotated[str, typer.Argument(help="as `submit` and `status` name it", metavar="JOB")]

commands = group()


@commands.command()
def submit(
    run: Annotated[Path, typer.Argument(help="YAML: recipe, photos, samples, out, …", metavar="RUN.yaml")],
    address: Head,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="show what the job writes, and end as it ends")
    ] = False,
    output: Output = "auto",
) -> None:
    """Hand a run to a cluster; the same file again finds the run, or goes on with it.

    Example: mycanvas submit run.yaml --address http://head:8265 --follow
    """
    from cluster.submit import Submissions
    from jobs.cluster.submit import submit as job

    console = Console(output)
    made = job(run, address, console)
    if follow:
        made = _follow(Submissions(address), made.id)
    watch = f"next: mycanvas logs {made.id} --address {quote(address)} --follow"
    console.result({"job": made.id, "status": made.status, **made.metadata}, [made.id, *([] if follow else [watch])])
    if follow:
        _end_as(made, console)


@commands.command()
def status(
    address: Head,
    job: Annotated[str, typer.Argument(help="one job; none: all", metavar="[JOB]")] = "",
    output: Output = "auto",
) -> None:
    """Say how jobs are: waiting, running, ended, and where their datasets are.

    Example: mycanvas status --address http://head:8265
    """
    from dataclasses import asdict

    from cluster.submit import Submissions
    from jobs.cluster.submit import describe

    jobs = [Submissions(address).job(job)] if job else Submissions(address).jobs()
    lines = [describe(each) for each in jobs] or ["no jobs"]
    if job and jobs[0].message:
        lines.append(jobs[0].message)
    Console(output).result({"jobs": [asdict(each) for each in jobs]}, lines)


@commands.command()
def logs(
    job: JobId,
    address: Head,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="go on until the job ends, and end as it ends")
    ] = False,
) -> None:
    """Print what a job has written.

    Example: mycanvas logs mycanvas-0123456789abcdef-1 --address http://head:8265
    """
    from cluster.submit import Submissions

    if follow:
        _end_as(_follow(Submissions(address), job), Console())
    else:
        typer.echo(plain(Submissions(address).logs(job)), nl=False)


@commands.command()
def stop(job: JobId, address: Head, output: Output = "auto") -> None:
    """End a job. What it committed stays; submitted again, it goes on.

    Example: mycanvas stop mycanvas-0123456789abcdef-1 --address http://head:8265
    """
    from cluster.submit import Submissions

    stopped = Submissions(address).stop(job)
    Console(output).result({"job": job, "stopped": stopped}, ["stopped" if stopped else "it had ended already"])


def _follow(submissions: Submissions, job: str) -> Job:
    """Show a job's log until it ends; the job as it ended."""
    for piece in submissions.follow(job):
        sys.stderr.write(plain(piece))
        sys.stderr.flush()
    return submissions.job(job)


def _end_as(job: Job, console: Console) -> None:
    """End this command with the exit code of a job that failed or was stopped."""
    if job.status != "SUCCEEDED":
        console.say(f"{job.status.lower()}  {job.message.partition(', last available logs')[0]}")
        sys.exit(EXIT_INTERRUPTED if job.status == "STOPPED" else job.exit_code or 1)
