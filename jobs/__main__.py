"""`python -m jobs`: the `mycanvas` command where the engine is a folder and not installed."""

from jobs.cli.process import run

run()
