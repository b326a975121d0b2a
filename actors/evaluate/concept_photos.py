"""Photos of concepts as pictures are held against them: whole, and the thing itself cut out by the same models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from actors.compose.segment import Segmenter
from actors.score.clip import ClipScorer, crop
from actors.score.detection import Detector
from actors.score.references import ImageScorer, on_grey
from engine.errors import SampleError
from engine.metrics.similarity import Embeddings
from engine.metrics.subjects import least_likeness
from engine.photos.decode_photo import decode_photo
from engine.photos.images import shrink
from engine.photos.listing import Photo, read_file
from engine.rows.values import Pixels

SIDE = 1024  # px of the longer side: what no model here looks at in more detail


@dataclass(frozen=True, slots=True)
class ConceptPhotos:
    """One concept.

    Attributes:
        whole_clip: N x D, of whole photos.
        whole_identity: the same by the identity model.
        crop_clip: N x D, of what the detector finds of its class.
        crop_identity: the same, cut out and on grey.
        trained: as `crop_identity`, of photos that were trained on; none are known where it is empty.
        least: below which it is no longer itself; None of fewer than three photos.
    """

    whole_clip: Embeddings
    whole_identity: Embeddings
    crop_clip: Embeddings
    crop_identity: Embeddings
    trained: Embeddings
    least: float | None


@final
@dataclass(frozen=True)
class Eyes:
    """The loaded models; `segmenter` may be None."""

    clip: ClipScorer
    identity: ImageScorer
    detector: Detector
    segmenter: Segmenter | None

    def cut(self, seen: Pixels, class_name: str) -> Pixels:
        """The thing in a crop, HxWx3, on grey; the crop itself where nothing stands out of it."""
        if self.segmenter is None:
            return seen
        try:
            alpha = self.segmenter(seen, class_name).alpha
        except SampleError:
            return seen
        return on_grey(np.dstack([seen, alpha]))

    def nearest(self, photo: Pixels, class_name: str) -> Pixels:
        """What the detector finds of a class, the surest; the whole photo where it finds nothing."""
        (found,) = self.detector.detect([photo], [[class_name]])
        sure = found.scores >= self.detector.threshold
        return crop(photo, found.boxes[int(np.flatnonzero(sure)[0])]) if sure.any() else photo


def look_at_photos(
    photos: Mapping[str, Sequence[Pixels]],
    trained: Mapping[str, Sequence[Pixels]],
    classes: Mapping[str, str],
    eyes: Eyes,
    collapse: float,
) -> dict[str, ConceptPhotos]:
    """What is known of each concept that has photos.

    Args:
        photos: HxWx3, none of which was trained on.
        trained: of the same concepts; may be empty.
        classes: by concept.
        eyes: the models.
        collapse: share of photos that are unlike their concept.
    """
    crops = {
        concept: [eyes.nearest(each, classes[concept]) for each in pictures] for concept, pictures in photos.items()
    }
    known = {
        concept: eyes.identity.embed_images([eyes.cut(each, classes[concept]) for each in pictures])
        for concept, pictures in crops.items()
    }
    return {
        concept: ConceptPhotos(
            whole_clip=eyes.clip.embed_images(pictures),
            whole_identity=eyes.identity.embed_images(pictures),
            crop_clip=eyes.clip.embed_images(crops[concept]),
            crop_identity=known[concept],
            trained=eyes.identity.embed_images(
                [
                    eyes.cut(eyes.nearest(each, classes[concept]), classes[concept])
                    for each in trained.get(concept, ())[: len(pictures)]
                ]
            ),
            least=least_likeness(known[concept], collapse),
        )
        for concept, pictures in photos.items()
    }


def read_photos(listed: Sequence[Photo], concepts: Sequence[str], limit: int) -> dict[str, list[Pixels]]:
    """The first `limit` photos of each concept that can be read, HxWx3."""
    found: dict[str, list[Pixels]] = {}
    for photo in listed:
        mine = found.setdefault(photo.concept, []) if photo.concept in concepts else None
        if mine is None or len(mine) >= limit:
            continue
        try:
            mine.append(shrink(decode_photo(read_file(photo.source), where=photo.source).pixels, SIDE)[..., :3])
        except SampleError:
            continue
    return {concept: pictures for concept, pictures in found.items() if pictures}
