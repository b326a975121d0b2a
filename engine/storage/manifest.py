"""The summary of a run: segments of a thousand receipts, the same thousand units' scores without pixels, and hashes.

Nothing here is needed to read the data; all of it can be made again from ``data/``. Whole segments are written once, so
a run of millions that is extended pays for what is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from typing import Any

import pyarrow as pa

from engine.errors import Damaged
from engine.failpoints import reach
from engine.storage.commits import Receipt, list_committed, rebuild_receipt, receipts
from engine.storage.extents import FOLDER as EXTENTS
from engine.storage.extents import read_extents
from engine.storage.lock import BACKGROUNDS, LISTED, LOCK, PHOTOS, PLAN
from engine.storage.parquet import open_shard, without_pixels, write_table
from engine.storage.receipts import data_path
from engine.storage.sealed import digest, seal, unseal
from engine.storage.store import Store

FOLDER, SCORES = "_manifest", "scores"
MANIFEST = f"{FOLDER}/manifest.json"
SEGMENT_UNITS = 1000
CARD, CROISSANT, LIBRARY = "README.md", "croissant.json", "library"
_READERS = 8  # threads; they wait for the storage most of the time
_COUNTED = ("rows", "accepted", "rejected", "failed", "bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSegment:
    """Units ``1000 * number`` to ``1000 * number + 999``, those of them that are committed: how many, and of what."""

    number: int
    units: int
    rows: int
    accepted: int
    rejected: int
    failed: int
    bytes: int
    size: int
    blake2b: str
    scores_size: int
    scores_blake2b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A run at the time of its last summary. `totals` are rows by status and bytes, `files` hashes by path."""

    totals: Mapping[str, int]
    schema: str
    segments: Sequence[ManifestSegment]
    files: Mapping[str, str]


def segment_path(number: int) -> str:
    """Where a segment's receipts are."""
    return f"{FOLDER}/segment-{number:05d}.json"


def scores_path(number: int) -> str:
    """Where a segment's rows are, without their pixels."""
    return f"{SCORES}/part-{number:05d}.parquet"


def read_manifest(store: Store) -> Manifest:
    """The last summary.

    Raises:
        FileNotFoundError: none was written yet.
        Damaged: SEAL_BROKEN.
    """
    content = unseal(
        store.read(MANIFEST), "manifest", where=MANIFEST, fix=f"remove {MANIFEST} and run the command again"
    )
    segments = tuple(ManifestSegment(**item) for item in content["segments"])
    return Manifest(totals=content["totals"], schema=content["schema"], segments=segments, files=content["files"])


def read_segment(store: Store, number: int) -> list[Receipt]:
    """The receipts in one segment.

    Raises:
        Damaged: SEAL_BROKEN, or SEGMENT_SWAPPED for another one's.
    """
    path = segment_path(number)
    content = unseal(store.read(path), "segment", where=path)
    if content["segment"] != number:
        raise Damaged("SEGMENT_SWAPPED", f"segment {content['segment']}", where=path)
    return [Receipt(**item) for item in content["receipts"]]


def whole_summary(store: Store) -> Manifest | None:
    """The last summary, if it is of all that is committed."""
    try:
        manifest = read_manifest(store)
    except FileNotFoundError:
        return None
    summarised = sum(segment.units for segment in manifest.segments)
    # A run that is finished has all its units in the summary, and needs no listing of a million names.
    whole = summarised == read_extents(store).units or summarised == list_committed(store).count
    return manifest if summarised and whole else None


def all_receipts(store: Store) -> Iterator[Receipt]:
    """The receipt of every committed unit; a thousand are read at once where they are summarised."""
    manifest = whole_summary(store)
    if manifest is None:
        yield from receipts(store)
        return
    for segment in manifest.segments:
        yield from read_segment(store, segment.number)


def write_manifest(store: Store) -> None:
    """Summarise all that is committed; restore receipts and tables of failures that a crash left out.

    It records the hash of the dataset card too, so the card comes first.

    Two runs may end at once. One that saw fewer units than there are now may have written over the other's summary, so
    whoever finds more than it summarised does it again.
    """
    count = -1
    while (done := list_committed(store)).count != count:
        count = done.count
        kept = {segment.number: segment for segment in _reusable_segments(store)}
        groups = groupby(done.ids().tolist(), key=lambda unit_id: unit_id // SEGMENT_UNITS)
        segments = [kept.get(number) or _write_segment(store, number, list(ids)) for number, ids in groups]
        reach("mid_manifest")
        content = {
            "totals": {key: sum(getattr(segment, key) for segment in segments) for key in _COUNTED},
            "schema": _schema_text(store, done.ids()[:1].tolist()),
            "segments": [asdict(segment) for segment in segments],
            "files": {path: digest(store.read(path)) for path in _single_files(store)},
        }
        store.put(MANIFEST, seal("manifest", content))


def _reusable_segments(store: Store) -> Iterator[ManifestSegment]:
    """Segments that are whole and still there as the last summary has them, by size: they are not read again."""
    try:
        segments = read_manifest(store).segments
    except (FileNotFoundError, Damaged):
        return
    sizes = {entry.path: entry.size for folder in (FOLDER, SCORES) for entry in store.list(folder)}
    for segment in segments:
        there = sizes.get(segment_path(segment.number)), sizes.get(scores_path(segment.number))
        if segment.units == SEGMENT_UNITS and there == (segment.size, segment.scores_size):
            yield segment


def _write_segment(store: Store, number: int, unit_ids: Sequence[int]) -> ManifestSegment:
    with ThreadPoolExecutor(_READERS) as pool:
        receipts = list(pool.map(partial(rebuild_receipt, store), unit_ids))
        tables = list(pool.map(partial(slim_rows, store), unit_ids))
    scores = write_table(pa.concat_tables(tables), metadata={})
    store.put(scores_path(number), scores)
    reach("after_scores")
    text = seal("segment", {"segment": number, "receipts": [asdict(receipt) for receipt in receipts]})
    store.put(segment_path(number), text)
    counts: dict[str, Any] = {key: sum(getattr(receipt, key) for receipt in receipts) for key in _COUNTED}
    return ManifestSegment(
        number=number,
        units=len(receipts),
        size=len(text),
        blake2b=digest(text),
        scores_size=len(scores),
        scores_blake2b=digest(scores),
        **counts,
    )


_COLOURS = ("objects.list.element.color_gain", "objects.list.element.color_offset")


def slim_rows(store: Store, unit_id: int) -> pa.Table:
    """The rows of a unit without their pixels, and without the colours that were applied: nobody chooses by those.

    DuckDB reads all fields of `objects` where one is asked for; without these it takes 0.26 s in place of 0.37 s.
    """
    with open_shard(store, data_path(unit_id)) as shard:
        wanted = [path for path in without_pixels(shard) if not path.startswith(_COLOURS)]
        return shard.read(columns=wanted).replace_schema_metadata(None)


def _schema_text(store: Store, first_unit: Sequence[int]) -> str:
    for unit_id in first_unit:
        with open_shard(store, data_path(unit_id)) as shard:
            return "\n".join(f"{field.name}: {field.type}" for field in shard.schema_arrow)
    return ""


def _single_files(store: Store) -> list[str]:
    """Files of which a run has one, or few, as far as they exist."""
    paths = [
        LOCK,
        PHOTOS,
        BACKGROUNDS,
        CARD,
        CROISSANT,
        PLAN,
        LISTED,
        f"{LIBRARY}/{MANIFEST}",
        *(f"{EXTENTS}/{name}" for name in store.names(EXTENTS)),
    ]
    return sorted(path for path in paths if store.exists(path))
