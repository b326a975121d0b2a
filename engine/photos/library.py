"""The library of cut-outs: a small index that every worker holds; pixels by (shard, row) through a bounded cache."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any

from engine.errors import Damaged, UsageError
from engine.photos.images import decode
from engine.rows.values import ACCEPTED, Model, Pixels
from engine.storage.commits import data_files
from engine.storage.open_store import open_store
from engine.storage.parquet import open_shard
from engine.storage.store import Store

INDEX_COLUMNS = (
    "cutout_id", "concept", "class_name", "license", "source_sha256", "width", "height", "cut_borders", "quality",
    "models", "ensemble",
)  # fmt: skip
METRES = "metres.json"
"""Beside the shards: how large things of a class are, ``{"class": metres}``, longest side, where somebody said so."""
SIZES = (0.001, 1000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutoutInfo:
    """What a planner knows of a cut-out: everything but its pixels.

    Attributes:
        width: pixels of the tight box, as `height`.
        metres: the longest side of what it shows, from `METRES`; None where nobody said.
    """

    cutout_id: str
    concept: str
    class_name: str
    license: str
    source_sha256: str
    width: int
    height: int
    cut_borders: tuple[str, ...] = ()
    quality: float | None = None
    models: tuple[Model, ...] = ()
    ensemble: str = ""
    metres: float | None = None

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.width / self.height


@dataclass(frozen=True, slots=True)
class Address:
    """Where the pixels of a cut-out lie."""

    shard: str
    row: int


@dataclass(slots=True)
class PixelCache:
    """Least recently used cut-outs, bounded in bytes of pixels."""

    limit_bytes: int = 256 * 1024 * 1024
    held: OrderedDict[str, Pixels] = field(default_factory=OrderedDict)
    bytes_held: int = 0

    def get(self, key: str) -> Pixels | None:
        """The pixels under `key`, now the most recently used."""
        if key in self.held:
            self.held.move_to_end(key)
        return self.held.get(key)

    def keep(self, key: str, pixels: Pixels) -> None:
        """Hold `pixels`; the least recently used ones leave when the limit is passed."""
        self.held[key] = pixels
        self.bytes_held += pixels.nbytes
        while self.bytes_held > self.limit_bytes and len(self.held) > 1:
            self.bytes_held -= self.held.popitem(last=False)[1].nbytes


@dataclass(frozen=True, slots=True)
class Library:
    """Cut-outs of one library folder, in the order of their ids."""

    store: Store
    cutouts: Mapping[str, CutoutInfo]
    addresses: Mapping[str, Address]
    cache: PixelCache = field(default_factory=PixelCache)

    def pixels(self, cutout_id: str) -> Pixels:
        """The tight RGBA pixels of a cut-out, edge colours already decontaminated.

        Raises:
            Damaged: the library does not hold the cut-out.
        """
        kept = self.cache.get(cutout_id)
        if kept is None:
            kept = self._read(cutout_id)
            self.cache.keep(cutout_id, kept)
        return kept

    def writing_order(self, cutout_id: str) -> tuple[int, str, int]:
        """Sorts cut-outs by when they were cut out: by the number of their shard, and their row in it."""
        address = self.addresses[cutout_id]
        return len(address.shard), address.shard, address.row

    def fingerprint(self) -> str:
        """A hash of every cut-out that may be used; compositions are locked to it."""
        known = json.dumps([asdict(cutout) for cutout in self.cutouts.values()], sort_keys=True)
        return blake2b(known.encode(), digest_size=16).hexdigest()

    def _read(self, cutout_id: str) -> Pixels:
        address = self.addresses.get(cutout_id)
        if address is None:
            raise Damaged("CUTOUT_MISSING", f"the library holds no cut-out {cutout_id!r}", where=self.store.uri)
        with open_shard(self.store, address.shard) as shard:
            image = shard.read(columns=["image"]).column("image")[address.row]
        return decode(image["bytes"].as_py())


def open_library(uri: str) -> Library:
    """Read the index of the accepted cut-outs in every committed shard; no pixels.

    Raises:
        UsageError: LIBRARY_METRES where that file does not say what it should.
    """
    store = open_store(uri)
    metres = read_metres(store)
    cutouts: dict[str, CutoutInfo] = {}
    addresses: dict[str, Address] = {}
    for path in data_files(store):
        with open_shard(store, path) as shard:
            rows = shard.read(columns=[*INDEX_COLUMNS, "status"]).to_pylist()
        for number, row in enumerate(rows):
            if row.pop("status") != ACCEPTED:
                continue
            info = _info(row, metres)
            cutouts[info.cutout_id] = info  # what is said of a photo last counts
            addresses[info.cutout_id] = Address(path, number)
    order = sorted(cutouts)
    return Library(store, {key: cutouts[key] for key in order}, addresses)


def read_metres(store: Store) -> dict[str, float]:
    """Class -> metres, as somebody wrote them into the library; nothing where nobody did.

    Raises:
        UsageError: LIBRARY_METRES.
    """
    if not store.exists(METRES):
        return {}
    try:
        said = json.loads(store.read(METRES))
        found = {str(name): float(metres) for name, metres in said.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        found = {"": 0.0}
    wrong = [name for name, metres in found.items() if not SIZES[0] <= metres <= SIZES[1]]
    if wrong:
        raise UsageError(
            "LIBRARY_METRES",
            f"says no size of {wrong[0]!r}" if wrong[0] else "is not a JSON object of numbers",
            where=f"{store.uri}/{METRES}",
            fix='write {"class": metres, …} with sizes from 0.001 to 1000, or remove the file',
        )
    return found


def add_metres(store: Store, metres: Mapping[str, float]) -> None:
    """Say how large things of some classes are; what was said before stands."""
    text = json.dumps({**metres, **read_metres(store)}, ensure_ascii=False, indent=1, sort_keys=True)
    store.put(METRES, text.encode())


def _info(row: dict[str, Any], metres: Mapping[str, float]) -> CutoutInfo:
    models = tuple(Model(**model) for model in row.pop("models"))
    known = {**row, "cut_borders": tuple(row["cut_borders"]), "metres": metres.get(row["class_name"])}
    return CutoutInfo(**known, models=models)
