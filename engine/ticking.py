"""Something done again and again beside a block, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def tick(every_s: float, do: Callable[[], object]) -> Iterator[None]:
    """Call `do` every `every_s` seconds while the block runs; it is not at work any more when the block is over."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(every_s):
            do()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
