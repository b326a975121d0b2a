"""The stage that measures drawn pictures against photos of their concepts. docs/evaluate.md defines every number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, final

import cv2
import numpy as np
from pydantic import Field

from actors.compose.segment import SEGMENTERS
from actors.evaluate.concept_photos import ConceptPhotos, Eyes, look_at_photos, read_photos
from actors.evaluate.protocol import Measures
from actors.score.clip import crop
from actors.score.scorers import CLIP_SCORERS, DETECTORS, IDENTITY_SCORERS
from engine.metrics import similarity
from engine.metrics.detection import Detections, top_boxes
from engine.metrics.similarity import Embeddings, cosine, mean_cosine
from engine.metrics.subjects import Subjects, assign, find_collapsed, is_count_right, swap_share
from engine.photos.images import decode
from engine.photos.listing import list_photos
from engine.rows.evaluated import EvaluatedImage
from engine.rows.values import Model, Pixels
from engine.run.stage import Run, Stage, Worker

WHERE = ("photos", "trained", "batch_size", "backgrounds")  # they lie, not what they are; captions say backgrounds


@final
class Evaluate(Stage):
    """Measure pictures."""

    name: ClassVar[str] = "evaluate"
    reads: ClassVar[tuple[str, ...]] = ("of",)
    writes: ClassVar[tuple[str, ...]] = (
        "concepts", "caption", "clip_t", "ti_clip", "cp_clip", "cp_clip_assigned", "clip_i", "dino", "identity",
        "collapsed", "swapped", "count_right", "copy_paste", "models",
    )  # fmt: skip

    measures: Measures = Field(description="which models measure")
    photos: str = Field(description="URI of photos that were not trained on, a folder for each concept")
    photos_hash: str = Field(description="of which photos these are")
    trained: str = Field(default="", description="URI of photos that were trained on; empty: copy_paste stays null")
    trained_hash: str = Field(default="", description="of which photos these are")
    classes: dict[str, str] = Field(description="of each concept")
    backgrounds: dict[str, str] = Field(description="words without the concepts, by caption")

    def affects_data(self, *, besides: Collection[str] = ()) -> dict[str, Any]:
        """All fields but those that say where things lie."""
        return super().affects_data(besides={*besides, *WHERE})

    def load(self, run: Run) -> Worker:
        """Load the models, and look at the photos.

        Raises:
            UsageError: those of `engine.photos.listing.list_photos` and of the models.
        """
        del run
        cv2.setNumThreads(1)
        eyes, models = _open(self.measures)
        limit, concepts = self.measures.references, list(self.classes)
        known = look_at_photos(
            read_photos(list_photos(self.photos), concepts, limit),
            read_photos(list_photos(self.trained), concepts, limit) if self.trained else {},
            self.classes,
            eyes,
            self.measures.collapse,
        )

        def work(rows: Sequence[EvaluatedImage]) -> list[object]:
            return [replace(row, models=models, **self._measure(row, known, eyes)) for row in rows]

        return work

    def _measure(self, row: EvaluatedImage, known: Mapping[str, ConceptPhotos], eyes: Eyes) -> dict[str, Any]:
        assert row.of is not None
        pixels, concepts, caption = decode(row.of.image or b""), row.of.concepts, row.of.caption
        background = self.backgrounds.get(caption, "")
        words = eyes.clip.embed_texts([caption, background])
        clip, identity = eyes.clip.embed_images([pixels])[0], eyes.identity.embed_images([pixels])[0]
        photos = [known.get(concept) for concept in concepts]
        return {
            "concepts": concepts,
            "caption": caption,
            "clip_t": cosine(clip, words[0]),
            "ti_clip": cosine(clip, words[1]) if background else None,
            "clip_i": tuple(None if each is None else mean_cosine(clip, each.whole_clip) for each in photos),
            "dino": tuple(None if each is None else mean_cosine(identity, each.whole_identity) for each in photos),
            **self._who_is_who(pixels, concepts, [each for each in photos if each is not None], eyes),
        }

    def _who_is_who(
        self, pixels: Pixels, concepts: Sequence[str], photos: Sequence[ConceptPhotos], eyes: Eyes
    ) -> dict[str, Any]:
        """What depends on a detector; nothing of a picture of which a concept has no photo."""
        if not concepts or len(photos) < len(concepts):
            return {}
        queries = list(dict.fromkeys(self.classes[concept] for concept in concepts))
        wanted = [queries.index(self.classes[concept]) for concept in concepts]
        (found,) = eyes.detector.detect([pixels], [queries])
        crops, labels, best = _believed_crops(pixels, found, wanted, eyes.detector.threshold)
        table = similarity.similarities(eyes.clip.embed_images(crops), [each.crop_clip for each in photos])
        cut = [eyes.cut(seen, queries[label]) for seen, label in zip(crops, labels, strict=True)]
        vectors = eyes.identity.embed_images(cut)
        subjects = Subjects(similarity.similarities(vectors, [each.crop_identity for each in photos]), labels, wanted)
        taken = assign(subjects)
        limits = [each.least for each in photos if each.least is not None]
        return {
            "cp_clip": similarity.cp_clip(table[best], len(concepts)),
            "cp_clip_assigned": similarity.cp_clip_assigned(table, len(concepts)),
            "identity": tuple(
                0.0 if place is None else float(subjects.likeness[place, number]) for number, place in enumerate(taken)
            ),
            "collapsed": tuple(find_collapsed(subjects, taken, limits)) if len(limits) == len(photos) else (),
            "swapped": swap_share(subjects, taken),
            "count_right": is_count_right(subjects),
            "copy_paste": _copy_paste(vectors, taken, photos),
        }


def _open(measures: Measures) -> tuple[Eyes, tuple[Model, ...]]:
    clip = CLIP_SCORERS.resolve(measures.clip.backend)(measures.clip)
    who, where, cut = measures.identity, measures.detector, measures.segment
    identity = IDENTITY_SCORERS.resolve(who.backend)(who.model, who.revision)
    detector = DETECTORS.resolve(where.backend)(where.model, where.revision, where.threshold)
    segmenter = SEGMENTERS.resolve(cut.backend)(cut) if cut else None
    models = (clip.model, identity.model, detector.model, *(segmenter.models if segmenter else ()))
    return Eyes(clip, identity, detector, segmenter), models


def _believed_crops(
    pixels: Pixels, found: Detections, wanted: Sequence[int], threshold: float
) -> tuple[list[Pixels], list[int], list[int]]:
    """Crops of the believed boxes, their labels, and which of them are the surest of a wanted concept's class."""
    sure = np.flatnonzero(found.scores >= threshold)
    chosen = set(top_boxes(found, wanted, threshold))
    best = [place for place, number in enumerate(sure.tolist()) if number in chosen]
    return [crop(pixels, found.boxes[number]) for number in sure], found.labels[sure].tolist(), best


def _copy_paste(vectors: Embeddings, taken: Sequence[int | None], photos: Sequence[ConceptPhotos]) -> float | None:
    surplus = [
        similarity.best_cosine(vectors[place], each.trained)
        - similarity.best_cosine(vectors[place], each.crop_identity[: len(each.trained)])
        for place, each in zip(taken, photos, strict=True)
        if place is not None and len(each.trained)
    ]
    return float(np.mean(surplus)) if surplus else None
