"""Does `verify` find every flipped bit, and every file cut short, removed or swapped, and name the right one?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.support.child_process import mycanvas
from benchmarks.support.figure import Figure
from benchmarks.support.photos import write_photos
from engine.dataset.verify import verify
from engine.storage.open_store import open_store
from engine.storage.store import Store
from tests.support.data.units import make_run

SEED, FLIPS = 8, 400
LIMIT_S = 240.0


@dataclass(frozen=True, slots=True)
class Target:
    """A file that is going to be damaged."""

    store: Store
    path: str


def run() -> list[Figure]:
    """Two datasets: one that `compose` made, its library with a failure, and one of the tests, with failed rows."""
    with tempfile.TemporaryDirectory(prefix="mcb") as name:
        stores = [_composed(Path(name, "composed")), _planted(Path(name, "planted"))]
        for store in stores:
            if not verify(store).ok:
                raise AssertionError("a dataset is damaged before anything was done to it")
        kinds = _kinds(stores)
        flips = [_flip(target, number) for number, target in enumerate(_drawn(kinds))]
        spoilt = [named for group in kinds.values() for target in group for named in (_cut(target), _lose(target))]
        swapped = [_swap(*pair) for group in kinds.values() for pair in pairwise(group)]
    over = f"over {len(kinds)} kinds of file of two datasets with libraries, each kind as often"
    return [
        _figure("single-bit flips found and the file named", flips, over),
        _figure("truncated and missing files named", spoilt, "every file, cut to a half and removed"),
        _figure("swapped files named, both", swapped, "neighbours of one kind that differ"),
    ]


def _figure(name: str, named: Sequence[bool | None], detail: str) -> Figure:
    tried = [each for each in named if each is not None]
    return Figure(name, f"{len(tried)} of {len(tried)}", f"{sum(tried)} of {len(tried)}", all(tried), detail)


def _composed(folder: Path) -> Store:
    write_photos(folder / "photos", broken=True)
    sizes = ["--samples", 24, "--set", "unit_size=4", "--set", "size=128"]
    mycanvas("compose", "classic", "--photos", folder / "photos", "--out", folder / "out", *sizes, timeout_s=LIMIT_S)
    return open_store(str(folder / "out"))


def _planted(folder: Path) -> Store:
    make_run(open_store(str(folder / "library")), samples=8, size=400)
    make_run(open_store(str(folder)), samples=24, size=4000)
    return open_store(str(folder))


def _kinds(stores: list[Store]) -> dict[str, list[Target]]:
    """Files by folder, those with a number, or by name."""
    kinds: dict[str, list[Target]] = {}
    for number, store in enumerate(stores):
        for path in sorted(entry.path for entry in store.list()):
            folder, _, name = path.rpartition("/")
            kind = folder if any(letter.isdigit() for letter in name) else path
            kinds.setdefault(f"{number}/{kind}", []).append(Target(store, path))
    return kinds


def _drawn(kinds: dict[str, list[Target]]) -> Iterator[Target]:
    draw = np.random.default_rng(SEED)
    names = sorted(kinds)
    for number in range(FLIPS):
        group = kinds[names[number % len(names)]]
        yield group[draw.integers(len(group))]


def _flip(target: Target, number: int) -> bool:
    draw = np.random.default_rng([SEED, number])
    bad = bytearray(target.store.read(target.path))
    bad[draw.integers(len(bad))] ^= 1 << int(draw.integers(8))
    return _named({target.path: bytes(bad)}, target.store)


def _cut(target: Target) -> bool:
    data = target.store.read(target.path)
    return _named({target.path: data[: len(data) // 2]}, target.store)


def _lose(target: Target) -> bool:
    return _named({target.path: None}, target.store)


def _swap(one: Target, other: Target) -> bool | None:
    """None for files that are equal: there is nothing to be found."""
    first, second = one.store.read(one.path), other.store.read(other.path)
    return None if first == second else _named({one.path: second, other.path: first}, one.store)


def _named(damage: dict[str, bytes | None], store: Store) -> bool:
    """Whether `verify` names all these files once they hold other bytes, or are gone; they are put back."""
    good = {path: store.read(path) for path in damage}
    for path, data in damage.items():
        if data is None:
            store.delete(path)
        else:
            store.put(path, data)
    named = {found.path for found in verify(store).damage}
    for path, data in good.items():
        store.put(path, data)
    return set(damage) <= named
