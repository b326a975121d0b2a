"""What is trained on, read once: shards and views of this engine, or a folder of photos; and photos of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import final

from actors.personalize.rows.training_rows import Composed, ComposedRow, EncodedPhoto, Photos, TrainingRows
from engine.dataset.views import open_dataset
from engine.errors import Damaged, SampleError, UsageError
from engine.photos.decode_photo import decode_photo
from engine.photos.listing import Photo, is_photos_alone, list_photos, read_file
from engine.rows.composition import Composition
from engine.rows.schema import from_table
from engine.rows.values import ACCEPTED
from engine.storage.parquet import open_shard
from engine.storage.receipts import data_path
from engine.storage.store import Store
from planners.train.prompts import ConceptWords, PromptStrategies, name_concepts, require_places

COLUMNS = "sample_id", "unit_id", "seed", "caption_template", "background_prompt", "objects", "status"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Rows and what is known of them.

    Attributes:
        rows: that are trained on.
        words: of the concepts on them.
        licenses: of all sources.
        fingerprint: a hash of which rows these are.
        left_out: what cannot be trained on, and why: it costs no other row.
    """

    rows: TrainingRows
    words: tuple[ConceptWords, ...]
    licenses: tuple[str, ...]
    fingerprint: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChoice:
    """Which rows are trained on, and how they are shown.

    Attributes:
        seed: root seed.
        prompts: the paper's prompt strategies, for composed rows.
        augment: show photos near and far.
        flip: mirror half of the rows.
        views: of each photo; 0: a new one for every draw.
        only: the one concept that is taught: its photos, or the rows that it is on; empty: all.
    """

    seed: int = 0
    prompts: PromptStrategies = field(default_factory=PromptStrategies)
    augment: bool = True
    flip: bool = True
    views: int = 0
    only: str = ""


def read_data(uri: str, choice: RowChoice) -> TrainingData:
    """The accepted rows of a dataset or a view, or the photos of a folder.

    Raises:
        UsageError, SampleError: those of `read_photos` and `read_composed`.
    """
    return read_composed(uri, choice) if is_dataset(uri) else read_photos(uri, choice)


def read_photos(uri: str, choice: RowChoice) -> TrainingData:
    """Photos of concepts, a folder each, as `compose` reads them. Each is decoded once to see that it can be.

    Raises:
        UsageError: those of `engine.photos.listing.list_photos`, TRAIN_CONCEPTS, TRAIN_EMPTY.
    """
    read: list[tuple[Photo, bytes]] = []
    left_out: list[str] = []
    for photo in list_photos(uri):
        if choice.only and photo.concept != choice.only:
            continue
        try:
            data = read_file(photo.source)
            decode_photo(data, where=photo.source)
            read.append((photo, data))
        except SampleError as error:
            left_out.append(str(error))
    if not read:
        of = f" of {choice.only!r}" if choice.only else ""
        raise UsageError("TRAIN_EMPTY", f"has no photo{of} that can be read", where=uri, why=next(iter(left_out), ""))
    words = name_concepts({photo.concept: photo.class_name for photo, _ in read})
    by_concept = {each.concept: each for each in words}
    encoded = [EncodedPhoto(photo.source, data, by_concept[photo.concept]) for photo, data in read]
    licenses = tuple(sorted({photo.license for photo, _ in read}))
    rows = Photos(encoded, choice.seed, augment=choice.augment, flip=choice.flip, views=choice.views)
    return TrainingData(rows, words, licenses, rows.fingerprint(), tuple(left_out))


def read_composed(uri: str, choice: RowChoice) -> TrainingData:
    """The accepted rows of a dataset, or of a view of one; their pictures are read when they are shown.

    Raises:
        UsageError: DATASET_EMPTY, ROWS_KIND, TRAIN_EMPTY, TRAIN_CONCEPTS.
    """
    dataset = open_dataset(uri)
    dataset.require(Composition)
    rows: list[ComposedRow] = []
    classes: dict[str, str] = {}
    licenses: set[str] = set()
    left_out: list[str] = []
    for table in dataset.tables(COLUMNS):
        for row in from_table(Composition, table, table.column_names):
            if row.status != ACCEPTED or not _is_chosen(row, choice.only):
                continue
            try:
                require_places(row.caption_template, len(row.objects))
            except SampleError as error:
                left_out.append(f"{row.sample_id}: {error}")
                continue
            classes |= {each.concept: each.class_name for each in row.objects}
            licenses |= {each.license for each in row.objects}
            rows.append(_composed_row(row))
    if not rows:
        fix = "filter less, or look at what the gate rejected: `mycanvas stats`"
        why = next(iter(left_out), "")
        raise UsageError("TRAIN_EMPTY", "has no accepted row to train on", where=uri, why=why, fix=fix)
    words = name_concepts({choice.only: classes[choice.only]} if choice.only else classes)
    lines = sorted(f"{row.sample_id} {row.template}" for row in rows)
    known = blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()
    made = Composed(rows, ShardImages(dataset.store).read, words, choice.prompts, choice.seed, flip=choice.flip)
    return TrainingData(made, words, tuple(sorted(licenses)), known, tuple(left_out))


def concepts_in(uri: str) -> list[str]:
    """The concepts of accepted rows, or of photos, in order.

    Raises:
        UsageError: DATASET_EMPTY, ROWS_KIND, and those of `engine.photos.listing.list_photos`.
    """
    if not is_dataset(uri):
        return sorted({photo.concept for photo in list_photos(uri)})
    dataset = open_dataset(uri)
    dataset.require(Composition)
    tables = (table.to_pylist() for table in dataset.tables(("sample_id", "status", "objects")))
    rows = (row for table in tables for row in table if row["status"] == ACCEPTED)
    return sorted({each["concept"] for row in rows for each in row["objects"]})


def _is_chosen(row: Composition, only: str) -> bool:
    return not only or only in {each.concept for each in row.objects}


@final
class ShardImages:
    """Encoded pictures of a dataset's rows, read a shard at a time; the last two shards are kept."""

    def __init__(self, store: Store) -> None:
        self._shard = lru_cache(maxsize=2)(lambda unit_id: _images(store, unit_id))

    def read(self, row: ComposedRow) -> bytes:
        """The picture of a row.

        Raises:
            Damaged: ROWS_GONE, and those of `engine.storage.parquet.open_shard`.
        """
        found: bytes | None = self._shard(row.unit_id).get(row.sample_id)
        if found is None:
            raise Damaged("ROWS_GONE", f"the picture of {row.sample_id} is not there", where=data_path(row.unit_id))
        return found


def _images(store: Store, unit_id: int) -> dict[str, bytes]:
    path = data_path(unit_id)
    with open_shard(store, path) as shard:
        table = shard.read(columns=["sample_id", "image"])
    pictures = table.column("image").combine_chunks().field("bytes").to_pylist()
    return dict(zip(table.column("sample_id").to_pylist(), pictures, strict=True))


def _composed_row(row: Composition) -> ComposedRow:
    return ComposedRow(
        row.sample_id,
        row.unit_id,
        row.caption_template,
        tuple(each.concept for each in row.objects),
        tuple(each.class_name for each in row.objects),
        tuple(each.box for each in row.objects),
        row.background_prompt,
    )


def read_classes(uri: str, words: tuple[ConceptWords, ...], seed: int, *, flip: bool) -> Photos:
    """Photos of the concepts' classes, a folder each, for prior preservation.

    Raises:
        UsageError: TRAIN_CLASSES for a class of which there is none; those of `list_photos`.
    """
    by_class: Mapping[str, ConceptWords] = {each.class_name: each for each in words}
    listed = [photo for photo in list_photos(uri) if photo.class_name in by_class]
    lacking = sorted(by_class.keys() - {photo.class_name for photo in listed})
    if lacking:
        raise UsageError(
            "TRAIN_CLASSES",
            f"there is no photo of the class {lacking[0]!r}",
            where=uri,
            fix=f"put some into a folder {lacking[0]}/, or train without prior preservation",
        )
    encoded = [EncodedPhoto(each.source, read_file(each.source), by_class[each.class_name]) for each in listed]
    return Photos(encoded, seed, augment=False, flip=flip, of_class=True)


def is_dataset(uri: str) -> bool:
    """Whether a place holds rows of this engine; else it is a folder of photos.

    Raises:
        UsageError: ROWS_KIND for rows of a kind that is not known.
    """
    if is_photos_alone(uri):
        return False
    try:
        open_dataset(uri).record()
    except UsageError as error:
        if error.code != "DATASET_EMPTY":
            raise
        return False
    return True
