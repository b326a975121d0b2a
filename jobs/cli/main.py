"""The `mycanvas` command. Nothing heavy is imported until a command runs: `--help` answers in under 0.4 s."""

from __future__ import annotations

import io
import signal
import sys
from types import FrameType

import typer

from engine.errors import EXIT_INTERRUPTED, EXIT_STOPPED, MyCanvasError
from jobs.cli import backgrounds, check, cluster, compose, curate, library, models, recipes, report, scenes, train
from jobs.console import Console

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Compose concept photos into training images: captioned, scored, committed shards, on one machine or many.",
)
for subject in (compose, curate, report, recipes, models, backgrounds, library, scenes, train, cluster, check):
    app.add_typer(subject.commands)


def main() -> None:
    """Run a command; end with the exit code that its outcome has."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what a terminal of ASCII cannot show ends no command
    # Sent by docker stop, Slurm and Kubernetes. Ray puts a handler like it in its place.
    signal.signal(signal.SIGTERM, _stop)
    try:
        interrupted = app(standalone_mode=False) == EXIT_INTERRUPTED  # what the library makes of KeyboardInterrupt
    except MyCanvasError as error:
        Console("human").say(str(error))
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        interrupted = True
    except SystemExit as error:
        if error.code != signal.SIGTERM:
            raise
        Console("human").say("stopped; the same command goes on where it stopped")
        sys.exit(EXIT_STOPPED)
    except Exception as error:
        show = getattr(error, "show", None)  # the usage errors of the command line library print themselves
        if show is None:
            raise
        show()
        sys.exit(2)
    if interrupted:
        Console("human").say("interrupted; the same command goes on where it stopped")
        sys.exit(EXIT_INTERRUPTED)


def _stop(signum: int, _frame: FrameType | None) -> None:
    """Unwind, so that workers are told and temporary folders go."""
    sys.exit(signum)
