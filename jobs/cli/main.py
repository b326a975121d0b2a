"""The `mycanvas` command. Nothing heavy is imported until a command runs: `--help` answers in under 0.4 s."""

from __future__ import annotations

import sys

import typer

from engine.errors import EXIT_INTERRUPTED, MyCanvasError
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
    try:
        interrupted = app(standalone_mode=False) == EXIT_INTERRUPTED  # what the library makes of KeyboardInterrupt
    except MyCanvasError as error:
        Console("human").say(str(error))
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        interrupted = True
    except Exception as error:
        show = getattr(error, "show", None)  # the usage errors of the command line library print themselves
        if show is None:
            raise
        show()
        sys.exit(2)
    if interrupted:
        Console("human").say("interrupted; the same command goes on where it stopped")
        sys.exit(EXIT_INTERRUPTED)
