import subprocess
import sys
import textwrap

from engine.run.watchdog import EXIT_CODE


def run(body: str) -> subprocess.CompletedProcess[str]:
    program = "import time, engine.run.watchdog as w\n" + textwrap.dedent(body)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_a_block_in_time_goes_on_and_its_deadline_is_forgotten():
    done = run("""
        w.GRACE_S = 0.1
        with w.deadline(1.0, lambda: print("expired", flush=True)):
            print("inside")
        time.sleep(1.5)
        print("after")
    """)
    assert (done.returncode, done.stdout.split()) == (0, ["inside", "after"])


def test_a_hanging_call_ends_the_process_after_a_last_word():
    done = run("""
        with w.deadline(0.2, lambda: print("last word", flush=True)):
            time.sleep(60)
    """)
    assert (done.returncode, done.stdout.strip()) == (EXIT_CODE, "last word")


def test_a_call_that_never_gives_up_the_interpreter_is_ended_too():
    done = run("""
        w.GRACE_S = 0.2
        with w.deadline(0.2, lambda: None):
            import re
            re.match(r"(a+)+$", "a" * 60 + "b")  # C code that holds the lock
    """)
    assert done.returncode != 0
    assert "Timeout" in done.stderr


def test_a_process_that_was_stopped_has_not_hung():
    done = run("""
        import os, signal, subprocess
        w.TICK_S = 0.1
        subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -STOP {os.getpid()}; sleep 2; kill -CONT {os.getpid()}"])
        with w.deadline(1.5, lambda: print("expired", flush=True)):
            time.sleep(0.9)
        print("awake")
    """)
    assert (done.returncode, done.stdout.strip()) == (0, "awake")
