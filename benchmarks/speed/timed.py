"""`python -m benchmarks.speed.timed COMMAND...`: its wall time and the most memory that it held, as JSON.

In a process of its own: Linux counts, as the peak of a child, what its parent held when the child began.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Run the command, its output thrown away; print seconds and bytes."""
    command = sys.argv[1:]
    began = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, 1, 0)])
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} ended with {status}")
    print(json.dumps([time.perf_counter() - began, usage.ru_maxrss * 1024]))


if __name__ == "__main__":
    main()
