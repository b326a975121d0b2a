"""What is trained on, read once: shards and views of this engine, or a folder of photos; and photos of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actors.personalize.training_rows import Composed, ComposedRow, EncodedPhoto, Photos, TrainingRows
from engine.dataset.views import open_dataset
from engine.errors import UsageError
from engine.photos.listing import list_photos, read_file
from engine.rows.composition import Composition
from engine.rows.schema import from_table
from engine.rows.values import ACCEPTED
from planners.train.prompts import ConceptWords, PromptStrategies, name_concepts

COLUMNS = "sample_id", "unit_id", "seed", "image", "caption_template", "background_prompt", "objects", "status"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Rows, the concepts on them, and the licences of all sources."""

    rows: TrainingRows
    words: tuple[ConceptWords, ...]
    licenses: tuple[str, ...]


def read_photos(uri: str, seed: int, *, augment: bool, flip: bool) -> TrainingData:
    """Photos of concepts, a folder each, as `compose` reads them.

    Raises:
        UsageError: those of `engine.photos.listing.list_photos`, TRAIN_CONCEPTS.
        SampleError: PHOTO_UNREADABLE.
    """
    listed = list_photos(uri)
    words = name_concepts({photo.concept: photo.class_name for photo in listed})
    by_concept = {each.concept: each for each in words}
    encoded = [EncodedPhoto(each.source, read_file(each.source), by_concept[each.concept]) for each in listed]
    licenses = tuple(sorted({each.license for each in listed}))
    return TrainingData(Photos(encoded, seed, augment=augment, flip=flip), words, licenses)


def read_composed(uri: str, seed: int, how: PromptStrategies, *, flip: bool) -> TrainingData:
    """The accepted rows of a dataset, or of a view of one.

    Raises:
        UsageError: DATASET_EMPTY, ROWS_KIND, TRAIN_EMPTY, TRAIN_CONCEPTS.
        SampleError: TRAIN_CAPTION.
    """
    dataset = open_dataset(uri)
    dataset.require(Composition)
    rows: list[ComposedRow] = []
    classes: dict[str, str] = {}
    licenses: set[str] = set()
    for table in dataset.tables(COLUMNS):
        for row in from_table(Composition, table, table.column_names):
            if row.status != ACCEPTED or row.image is None:
                continue
            classes |= {each.concept: each.class_name for each in row.objects}
            licenses |= {each.license for each in row.objects}
            concepts = tuple(each.concept for each in row.objects)
            rows.append(ComposedRow(row.sample_id, row.image, row.caption_template, concepts, row.background_prompt))
    if not rows:
        fix = "filter less, or look at what the gate rejected: `mycanvas stats`"
        raise UsageError("TRAIN_EMPTY", "has no accepted row to train on", where=uri, fix=fix)
    words = name_concepts(classes)
    return TrainingData(Composed(rows, words, how, seed, flip=flip), words, tuple(sorted(licenses)))


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
    try:
        open_dataset(uri).record()
    except UsageError as error:
        if error.code != "DATASET_EMPTY":
            raise
        return False
    return True


def facts(data: TrainingData) -> dict[str, Any]:
    """What the manifest says of the data."""
    return {"rows": len(data.rows), "licenses": list(data.licenses)}
