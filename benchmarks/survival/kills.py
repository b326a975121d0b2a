"""`mycanvas compose` killed by SIGKILL, the driver or one worker, at random times; then the same command again."""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.support.child_process import mycanvas
from benchmarks.support.figure import Figure
from benchmarks.support.photos import write_photos
from benchmarks.survival.driver import Driver
from engine.dataset.verify import verify
from engine.run.journal import FOLDER as JOURNAL
from engine.storage.commits import data_files, receipts
from engine.storage.hashes import digest
from engine.storage.open_store import open_store
from engine.storage.receipts import DATA, data_path
from engine.storage.store import Store

SEED, KILLS = 4, 8
SAMPLES, UNIT_SIZE, SIDE = 64, 4, 256
UNIT_S = 0.8  # about what a unit takes, so that a kill falls anywhere in one
MOST_UNITS = 4  # committed between two kills
LIMIT_S = 240.0


@dataclass(slots=True)
class Toll:
    """What was killed and what it cost.

    `workers` counts the processes that died, all of them where the driver was killed. `redone` counts how often a unit
    was begun and had to be begun again. `worst` is the most of those that one death of the driver cost each worker.
    """

    drivers: int = 0
    single: int = 0
    workers: int = 0
    redone: int = 0
    worst: float = 0.0

    @property
    def kills(self) -> int:
        """How many SIGKILLs were sent."""
        return self.drivers + self.single


def run() -> list[Figure]:
    """Datasets until there were enough kills, each resumed until it is whole, held against an undisturbed one."""
    toll, chance = Toll(), random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="mcb") as name:
        folder = Path(name)
        write_photos(folder / "photos")
        mycanvas(*command(folder / "photos", folder / "undisturbed"), timeout_s=LIMIT_S)
        expected = _hashes(folder / "undisturbed")
        made: list[Path] = []
        while toll.kills < KILLS:
            made.append(folder / f"{len(made):02d}")
            while not _live(command(folder / "photos", made[-1]), made[-1], toll, chance):
                pass
            toll.redone += sum(max(0, receipt.attempt - 1) for part in _parts(made[-1]) for receipt in receipts(part))
        strange = [f"{each.name}{path}" for each in made for path in _differing(expected, _hashes(each))]
        sound = sum(verify(open_store(str(each))).ok for each in made)
    return _figures(toll, len(expected), len(made), strange, sound)


def command(photos: Path, out: Path) -> list[str]:
    """What the user types, first and again."""
    sizes = ["--samples", SAMPLES, "--set", f"unit_size={UNIT_SIZE}", "--set", f"size={SIDE}"]
    return [*map(str, ["compose", "classic", "--photos", photos, "--out", out, "--format", "quiet", *sizes])]


def _figures(toll: Toll, shards: int, made: int, strange: list[str], sound: int) -> list[Figure]:
    detail = (
        f"{toll.drivers} of the driver, {toll.single} of one worker; {made} datasets of {shards} shards, library too"
    )
    share = toll.redone / max(toll.workers, 1)
    cost = f"{toll.redone} units begun again, {toll.workers} worker processes died; by one death of the driver at most "
    return [
        Figure("SIGKILLs of mycanvas compose, then resume", ">= 5", toll.kills, toll.kills >= 5, detail),
        Figure(
            "shards that differ after those from undisturbed ones",
            "0",
            f"{len(strange)} of {shards * made}",
            not strange and sound == made,
            f"by BLAKE2b of every data/*.parquet {strange[:5] or ''}; verify finds nothing in {sound} of {made}",
        ),
        Figure(
            "units redone per worker that died",
            "<= 1",
            share,
            share <= 1 and toll.worst <= 1,
            f"{cost}{toll.worst:g} for each of its workers",
        ),
    ]


def _live(arguments: list[str], out: Path, toll: Toll, chance: random.Random) -> bool:
    """One start of the command: workers are killed now and then, in the end the driver. True when it came through."""
    old = set(_notes(out))
    with Driver(arguments, LIMIT_S) as driver:
        while toll.kills < KILLS:
            goal = _committed(out) + chance.randint(1, MOST_UNITS)
            if driver.ended(before=partial(_has, out, goal)):
                return True
            time.sleep(chance.uniform(0, UNIT_S))
            workers = driver.workers()
            if workers and chance.random() < 0.5:
                chance.choice(workers).kill()
                toll.single, toll.workers = toll.single + 1, toll.workers + 1
                continue
            driver.kill_all()
            left = sum(attempts for note, attempts in _notes(out).items() if note not in old)
            toll.drivers, toll.workers = toll.drivers + 1, toll.workers + len(workers)
            toll.redone, toll.worst = toll.redone + left, max(toll.worst, left / max(len(workers), 1))
            return False
        return driver.ended(before=lambda: False)


def _has(out: Path, units: int) -> bool:
    return _committed(out) >= units


def _parts(out: Path) -> tuple[Store, Store]:
    return open_store(str(out)), open_store(f"{out}/library")


def _committed(out: Path) -> int:
    return sum(1 for part in _parts(out) for name in part.names(DATA) if name.endswith(".parquet"))


def _notes(out: Path) -> dict[str, int]:
    """Attempts by note of the journal, for units that are not committed: begun, and to be begun again."""
    return {f"{part.uri}/{name}": attempts for part in _parts(out) for name, attempts in _open_units(part)}


def _open_units(part: Store) -> Iterator[tuple[str, int]]:
    for name in part.names(JOURNAL):
        unit_id = int(name.split(".")[0])
        if not part.exists(data_path(unit_id)):
            yield name, int(json.loads(part.read(f"{JOURNAL}/{name}"))["attempts"])


def _differing(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    return sorted(path for path in expected.keys() | found.keys() if expected.get(path) != found.get(path))


def _hashes(out: Path) -> dict[str, str]:
    return {
        f"{part.uri.removeprefix(str(out))}/{path}": digest(part.read(path))
        for part in _parts(out)
        for path in data_files(part)
    }
