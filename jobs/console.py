"""How commands talk: data on stdout, talk on stderr, and nothing that a name from outside could do to the terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.ticking import tick

Format = Literal["auto", "human", "json", "quiet"]
LINE_EVERY_S = 10.0
STILL_S, STILL_EVERY_S = 10.0, 60.0  # on a terminal, and elsewhere: nothing has come for so long


def plain(text: str) -> str:
    """Text without control characters: what a folder name holds must not move the cursor or colour the screen."""
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


@dataclass(frozen=True, slots=True)
class Console:
    """Where a command's words go."""

    format: Format = "auto"

    def say(self, text: str) -> None:
        """A line for the person, on stderr."""
        if self.format != "quiet":
            print(plain(text), file=sys.stderr, flush=True)

    def result(self, data: Mapping[str, Any], lines: Sequence[str]) -> None:
        """The command's answer: `lines` for a person, `data` for a program."""
        if self.format == "json":
            print(json.dumps(data, sort_keys=True, default=str))
        elif self.format != "quiet":
            print("\n".join(plain(line) for line in lines))

    def progress(self, label: str, total: int) -> Progress:
        """A counter of samples: a bar on a terminal, a line every ten seconds elsewhere."""
        return Progress(self, label, total)


@dataclass(slots=True)
class Progress:
    """Samples done, with the rate and what is left to wait."""

    console: Console
    label: str
    total: int
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    spoken: float = field(default_factory=time.monotonic)
    moved: float = field(default_factory=time.monotonic)
    note: str = ""
    shown: bool = False

    @contextmanager
    def watch(self) -> Iterator[None]:
        """While the block runs, also say that nothing comes: a worker starts, is slow, or is stopped."""
        try:
            with tick(1.0, self.look):
                yield
        finally:
            self.close()

    def say(self, text: str) -> None:
        """A line for the person, below the bar as it is now."""
        self.close()
        self.console.say(text)

    def look(self) -> None:
        """Show the bar where there is a terminal, and how long nothing has come."""
        now = time.monotonic()
        still = f"nothing new for {clock(now - self.moved)}"
        if self._live:
            self._show(still if now - self.moved >= STILL_S else "")
        elif now - max(self.moved, self.spoken) >= STILL_EVERY_S:
            self.spoken = now
            self._show(still)

    def advance(self, samples: int, note: str = "") -> None:
        """Count `samples` more."""
        self.done += samples
        self.note = note
        now = self.moved = time.monotonic()
        every = 0.1 if self._live else LINE_EVERY_S
        if now - self.spoken >= every or self.done >= self.total:
            self.spoken = now
            self._show()

    def close(self) -> None:
        """End the bar's line."""
        if self._live and self.shown:
            self.shown = False
            print(file=sys.stderr, flush=True)

    @property
    def _live(self) -> bool:
        return sys.stderr.isatty() and self.console.format in ("auto", "human")

    def _show(self, still: str = "") -> None:
        if self.console.format == "quiet":
            return
        seconds = max(time.monotonic() - self.started, 1e-3)
        rate = self.done / seconds
        left = f"{clock((self.total - self.done) / rate)} left" if rate else clock(seconds)
        parts = (self.label, f"{self.done:,}/{self.total:,}", f"{rate:.1f}/s", left, self.note, still)
        text = "  ".join(part for part in parts if part)
        if self._live:
            filled = int(24 * self.done / max(self.total, 1))
            self.shown = True
            sys.stderr.write(f"\r\x1b[K{'━' * filled}{'╌' * (24 - filled)} {plain(text)}")
            sys.stderr.flush()
        else:
            print(plain(text), file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """Seconds as a person says them: ``42 s``, ``3 min``, ``5.2 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Bytes as a person says them."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
