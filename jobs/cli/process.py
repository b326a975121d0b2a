"""`main` as a whole process, which ends before Python takes its interpreter down.

Arrow's threads may still let go of a Python file when a command is done. Where the interpreter is going down already,
Python ends such a thread inside C++, which aborts: a command that had printed all of its answer ended with
"terminate called without an active exception" and exit code 134 (apache/arrow#34314), one of 3,400 in our tests.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys

from jobs.cli.main import main


def run() -> None:
    """Run `main`; then what was registered for the end, Ray's part too; then end with the exit code of `main`."""
    code = 1  # of an exception that nobody expected; Python prints it before anything registered runs

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # a pipe whose reader left, a closed stream
                stream.flush()
        os._exit(code)

    atexit.register(leave)  # the first to be registered is the last to run
    try:
        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise
