"""The command `mycanvas` as it is typed, in a process of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def mycanvas(*words, code=0):
    """What it says on stdout; on stderr where it has to end with another code than 0."""
    command = [sys.executable, "-W", "ignore", "-m", "jobs", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr
