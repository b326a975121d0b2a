import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
# A thread of Arrow's kind, inside C++ and coming back for the interpreter every 0.1 s, and an interpreter that takes
# a second to go down: without `run`, Python ends the thread there and C++ aborts, each time.
BUSY = """
import io, sys, threading, time
import pyarrow

class Slow(io.BytesIO):
    def read(self, *size):
        time.sleep(0.1)
        return super().read(*size)

class Late:
    def __del__(self, sleep=time.sleep):
        sleep(1)

def read():
    while True:
        pyarrow.PythonFile(Slow(b"abc"), mode="r").read()

sys.late = Late()
threading.Thread(target=read, daemon=True).start()
sys.argv = ["mycanvas", *sys.argv[1:]]
from jobs.cli.process import run
run()
"""


def end(*words):
    command = [sys.executable, "-W", "ignore", "-c", BUSY, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_a_thread_in_arrow_does_not_abort_a_command_that_is_done():
    done = end("recipe", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "gen4gen" in done.stdout


def test_the_exit_code_is_that_of_the_command():
    done = end("stats", "nowhere")
    assert done.returncode == 2
    assert "DATASET_EMPTY" in done.stderr
    assert end("stats").returncode == 2  # its usage
