"""Measuring drawn pictures, and photos in their place, into ``measured/``."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from actors.evaluate.evaluate_stage import Evaluate
from actors.evaluate.judge import Judge
from actors.evaluate.photo_stage import TakePhoto
from actors.evaluate.protocol import Protocol
from cluster.session import Capacity
from engine.dataset.drawn_rows import DrawnRows
from engine.photos.listing import Photo, list_photos, read_file
from engine.rows.evaluated import EvaluatedImage
from engine.rows.generated import GeneratedImage
from engine.run.pipeline import Pipeline
from engine.run.pool import COMMIT, Pool
from engine.run.stage import Run, Stage
from engine.storage.extents import extend, read_extents
from engine.storage.hashes import digest
from engine.storage.lock import claim
from engine.storage.open_store import open_store
from engine.storage.store import Store
from jobs.console import Console
from jobs.evaluate.summary import CEILING_FOLDER
from jobs.listed_run import ListedRun, fill_listed
from jobs.run_loop import ANY_FAILURES, make_missing, new_run_id, pipeline_work
from jobs.train.sample import UNIT_SIZE
from planners.evaluate.questions import DrawQuestion
from planners.train.prompts import prompt_of_class

PHOTO_SIDE = 1024  # px of photos in the place of drawings


@dataclass(frozen=True, slots=True)
class Album:
    """Photos of concepts, where they are, and the SHA-256 of each one's bytes."""

    uri: str = ""
    photos: tuple[Photo, ...] = ()
    digests: tuple[str, ...] = ()

    def hash_of(self, concepts: Container[str]) -> str:
        """16 hex digits over the photos of some concepts."""
        pairs = zip(self.photos, self.digests, strict=True)
        known = sorted(f"{photo.concept} {bytes_}" for photo, bytes_ in pairs if photo.concept in concepts)
        return digest("\n".join(known).encode())[:16]


def open_album(uri: str, concepts: Container[str]) -> Album:
    """The photos of some concepts below a URI; none where it is empty.

    Raises:
        UsageError: those of `engine.photos.listing.list_photos`.
    """
    if not uri:
        return Album()
    place = uri if "://" in uri else str(Path(uri).resolve())  # workers have other working folders
    photos = tuple(photo for photo in list_photos(place) if photo.concept in concepts)
    return Album(place, photos, tuple(sha256(read_file(photo.source)).hexdigest() for photo in photos))


def measure_stage(
    protocol: Protocol, classes: Mapping[str, str], questions: Sequence[DrawQuestion], held: Album, trained: Album
) -> Evaluate:
    """What measures one model's pictures: it depends on nothing that is asked of others. Without questions, all."""
    asked = {concept for question in questions for concept in question.cast} or set(classes)
    return Evaluate(
        measures=protocol.measures,
        photos=held.uri,
        photos_hash=held.hash_of(asked),
        trained=trained.uri,
        trained_hash=trained.hash_of(asked),
        classes={concept: kind for concept, kind in classes.items() if concept in asked},
        backgrounds={question.caption: question.background for question in questions if question.background},
    )


def stages_of(spec: Protocol, measure: Evaluate) -> tuple[Stage, ...]:
    """What pictures go through: the measures, and the judge where a protocol has one."""
    if spec.judge is None:
        return (measure,)
    shared = {name: getattr(measure, name) for name in ("photos", "photos_hash", "classes")}
    return measure, Judge(spec=spec.judge, **shared)


def claim_measured(out: str, folder: str, stages: tuple[Stage, ...]) -> Store:
    """The place of a model's numbers, for these measures.

    Raises:
        UsageError: RUN_CHANGED where it holds others.
    """
    place = open_store(f"{out}/measured/{folder}")
    claim(place, {"data": {stage.name: stage.affects_data() for stage in stages}})
    return place


def measure_drawn(
    out: str, folder: str, stages: tuple[Stage, ...], count: int, *, capacity: Capacity, console: Console
) -> None:
    """Measure what is missing of the drawn pictures in ``drawn/<folder>``, into ``measured/<folder>``."""
    place = claim_measured(out, folder, stages)
    for drawn in read_extents(open_store(f"{out}/drawn/{folder}")).log:  # units are cut as those of the pictures
        extents = extend(place, drawn.stop, UNIT_SIZE)
    pipeline = Pipeline(
        record=EvaluatedImage,
        run=Run(out=place.uri, library="", size=0),
        run_id=new_run_id(),
        source=DrawnRows(f"{out}/drawn/{folder}"),
        groups=(stages,),
        unit_size=UNIT_SIZE,
    )
    pools = (Pool(stages=(*(stage.name for stage in stages), COMMIT), gpus=min(1.0, capacity.gpus)),)
    work = pipeline_work(pipeline, pools, label=Evaluate.name, extents=extents, samples=count, budget=ANY_FAILURES)
    make_missing(work, capacity, console)


def fill_ceiling(out: str, trained: Album, stage: Evaluate, capacity: Capacity, console: Console) -> None:
    """Photos that were trained on in the place of drawings, against those that were not."""
    rows = [
        {"prompt": photo.source, "take": 0, "caption": prompt_of_class(stage.classes[photo.concept]),
         "concepts": (photo.concept,), "artifact": ""}
        for photo in trained.photos
    ]  # fmt: skip
    run = ListedRun(
        record=GeneratedImage, columns=("prompt", "take", "caption", "concepts", "artifact"), rows=rows,
        stage=TakePhoto(photos=trained.hash_of(stage.classes)), out=f"{out}/drawn/{CEILING_FOLDER}",
        unit_size=UNIT_SIZE, size=PHOTO_SIDE,
    )  # fmt: skip
    fill_listed(run, capacity, console)
    measure_drawn(out, CEILING_FOLDER, (stage,), len(rows), capacity=capacity, console=console)
