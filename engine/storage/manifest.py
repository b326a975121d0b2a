"""The summary of a run: segments of a thousand receipts, the same thousand units' scores without pixels, and hashes.

Nothing here is needed to read the data; all of it can be made again from ``data/``. It is made of the units' receipts,
in which their rows are too: no shard is read but the footer of the first. Segments to which nothing was added stay as
they are, so a run of millions that is extended pays for what is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from engine.errors import Damaged
from engine.failpoints import reach
from engine.storage.commits import Receipt, list_committed, receipts, unit_summaries
from engine.storage.extents import ENDED, mark_ended, read_extents
from engine.storage.extents import FOLDER as EXTENTS
from engine.storage.hashes import digest, seal, unseal
from engine.storage.lock import BACKGROUNDS, CUTOUTS, LISTED, LOCK, PHOTOS, PLAN
from engine.storage.parquet import open_shard, write_table
from engine.storage.receipts import data_path
from engine.storage.store import Store
from engine.storage.unit_summary import UnitSummary

FOLDER, SCORES = "_manifest", "scores"
MANIFEST = f"{FOLDER}/manifest.json"
SEGMENT_UNITS = 1000
CARD, CROISSANT, LIBRARY = "README.md", "croissant.json", "library"
_MOST_ROWS = 200_000  # of a segment that stays in memory, at some 3 KB a row, while the next is read
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
        groups = groupby(done.ids().tolist(), key=lambda unit_id: unit_id // SEGMENT_UNITS)
        segments = _write_segments(store, {number: list(ids) for number, ids in groups})
        reach("mid_manifest")
        if count and count == read_extents(store).units:
            mark_ended(store, count)
        content = {
            "totals": {key: sum(getattr(segment, key) for segment in segments) for key in _COUNTED},
            "schema": _schema_text(store, done.ids()[:1].tolist()),
            "segments": [asdict(segment) for segment in segments],
            "files": {path: digest(store.read(path)) for path in _single_files(store)},
        }
        store.put(MANIFEST, seal("manifest", content))


def _whole_segments(store: Store) -> Iterator[ManifestSegment]:
    """Segments that are still there as the last summary has them, by size: they are not read again."""
    try:
        segments = read_manifest(store).segments
    except (FileNotFoundError, Damaged):
        return
    sizes = {entry.path: entry.size for folder in (FOLDER, SCORES) for entry in store.list(folder)}
    for segment in segments:
        there = sizes.get(segment_path(segment.number)), sizes.get(scores_path(segment.number))
        if there == (segment.size, segment.scores_size):
            yield segment


def _write_segments(store: Store, units: Mapping[int, Sequence[int]]) -> list[ManifestSegment]:
    """The segments of these units by number, in order; those that are there already are not written again.

    One is read while the one before it is encoded: the first is Python's work, the second Arrow's.
    """
    kept = {(segment.number, segment.units): segment for segment in _whole_segments(store)}
    written: dict[int, Future[ManifestSegment]] = {}
    with ThreadPoolExecutor(1) as encoder:
        for number, ids in units.items():
            if (number, len(ids)) not in kept:
                summaries = list(unit_summaries(store, ids, restore=True))
                for before in written.values():
                    before.result()
                written[number] = encoder.submit(_write_segment, store, number, summaries)
                if sum(summary.rows.num_rows for summary in summaries) > _MOST_ROWS:
                    written[number].result()
    return [written[number].result() if number in written else kept[number, len(ids)] for number, ids in units.items()]


def _write_segment(store: Store, number: int, summaries: Sequence[UnitSummary]) -> ManifestSegment:
    receipts = [summary.receipt for summary in summaries]
    scores = write_table(pa.concat_tables([summary.rows for summary in summaries]), metadata={})
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


def _schema_text(store: Store, first_unit: Sequence[int]) -> str:
    for unit_id in first_unit:
        with open_shard(store, data_path(unit_id)) as shard:
            return "\n".join(f"{field.name}: {field.type}" for field in shard.schema_arrow)
    return ""


def _single_files(store: Store) -> list[str]:
    """Files of which a run has one, or few, as far as they exist."""
    paths = [
        LOCK,
        BACKGROUNDS,
        CUTOUTS,
        CARD,
        CROISSANT,
        PLAN,
        LISTED,
        f"{LIBRARY}/{MANIFEST}",
        *(f"{folder}/{name}" for folder in (EXTENTS, ENDED, PHOTOS) for name in store.names(folder)),
    ]
    return sorted(path for path in paths if store.exists(path))
