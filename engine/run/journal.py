"""The attempt journal: which rows kill or hang the process that works on them.

Before a group of stages starts on a unit it leaves a note on storage that every node sees, and takes it away when it is
done, or when it stops for a reason that has a name: an error, Ctrl-C. A note that is still there belongs to a process
that died. After two deaths in a run the unit is worked row by row, with a note before every call; the row whose note is
left twice is the one that kills. A timeout is certain the first time.

Only deaths that this run saw count against a row: there the driver lived on, and nothing but that row was at work.
Notes of other runs prove nothing, since those may have been killed from outside, paused, or be at work still. Three of
them make a unit be worked row by row; a row that three of them left open is suspected. Where its death would be that of
the run it is tried in a process of its own, see `engine.run.probe`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

from pydantic import TypeAdapter, ValidationError

from engine.storage.store import Store

FOLDER = "_journal"
DEATHS_IN_RUN = 2
DEATHS_ACROSS_RUNS = 3
KILLED, TIMED_OUT = "ROW_KILLED", "ROW_TIMEOUT"


@dataclass(frozen=True, slots=True)
class Note:
    """What one run knows of one unit in one group."""

    attempts: int = 0
    row_by_row: bool = False
    timed_out: bool = False
    open_row: str = ""
    open_stage: str = ""
    row_deaths: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Journal:
    """The notes of one (unit, group) as one process sees them."""

    store: Store
    path: str
    mine: Note
    others: tuple[Note, ...] = ()

    @property
    def attempt(self) -> int:
        """Which attempt of this run this is, from 1."""
        return self.mine.attempts

    @property
    def row_by_row(self) -> bool:
        """Whether earlier deaths ask for one row at a time."""
        return self.mine.row_by_row or len(self.others) >= DEATHS_ACROSS_RUNS

    def verdict(self, row: str) -> tuple[str, str] | None:
        """(stage, code) for a row that is known to kill or hang its process."""
        return self.mine.verdicts.get(row)

    def suspect_stage(self, row: str) -> str:
        """The stage in which three or more other runs left `row` open; empty where it is not suspected."""
        stages = [note.open_stage for note in self.others if note.open_row == row]
        return stages[0] if len(stages) >= DEATHS_ACROSS_RUNS else ""

    def begin(self, row: str, stage: str) -> None:
        """Note that `row` is about to enter `stage` alone."""
        self._write(replace(self.mine, open_row=row, open_stage=stage))

    def rest(self) -> None:
        """Note that no row is at work any more: what happens from here on, in the commit, is no row's doing."""
        if self.mine.open_row:
            self._write(replace(self.mine, open_row="", open_stage=""))

    def expire(self) -> None:
        """Note that the watchdog is about to end the process."""
        self._write(replace(self.mine, timed_out=True))

    def finish(self) -> None:
        """Take the note away: the group came through."""
        self.store.delete(self.path)

    def abandon(self) -> None:
        """Take the note away, if that can be done: the group stops for a reason that is no row's doing."""
        with contextlib.suppress(Exception):
            self.store.delete(self.path)

    def _write(self, note: Note) -> None:
        self.mine = note
        self.store.put(self.path, _dump(note))


_NOTE = TypeAdapter(Note)


def open_journal(store: Store, unit_id: int, group: str, run_id: str) -> Journal:
    """Read what earlier attempts left and note that another one begins."""
    prefix, name = f"{unit_id:08d}.{group}.", f"{unit_id:08d}.{group}.{run_id}.json"
    notes = dict(_read(store, prefix))
    mine = after_death(notes.pop(name, Note()))
    journal = Journal(store, f"{FOLDER}/{name}", mine, tuple(notes.values()))
    store.put(journal.path, _dump(mine))
    return journal


def after_death(note: Note) -> Note:
    """The note of the next attempt: the death of the process that left `note` is booked against its unit or row."""
    by_row = note.row_by_row or note.timed_out or note.attempts >= DEATHS_IN_RUN
    deaths, verdicts = dict(note.row_deaths), dict(note.verdicts)
    if note.open_row:
        deaths[note.open_row] = deaths.get(note.open_row, 0) + 1
        if note.timed_out or deaths[note.open_row] >= DEATHS_IN_RUN:
            verdicts[note.open_row] = (note.open_stage, TIMED_OUT if note.timed_out else KILLED)
    return Note(attempts=note.attempts + 1, row_by_row=by_row, row_deaths=deaths, verdicts=verdicts)


def _read(store: Store, prefix: str) -> Iterator[tuple[str, Note]]:
    for name in [name for name in store.names(FOLDER) if name.startswith(prefix)]:
        with contextlib.suppress(FileNotFoundError):  # another run has just come through
            note = parse_note(store.read(f"{FOLDER}/{name}"))
            if note is not None:
                yield name, note


def _dump(note: Note) -> bytes:
    return json.dumps(asdict(note)).encode()


def parse_note(data: bytes) -> Note | None:
    """A note, or None for what is none: a file that was cut off, or somebody else's."""
    try:
        return _NOTE.validate_json(data)
    except ValidationError:
        return None
