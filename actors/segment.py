"""Cuts the subject out of each photo: one tight RGBA cut-out a row, with its edge colours clean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b, sha256
from typing import Annotated, ClassVar, Protocol, final

import cv2
from pydantic import AfterValidator, Field

from engine.errors import SampleError
from engine.images import decode_photo, encode_png, resize
from engine.mattes import OPAQUE, Matte, cut_borders, cut_out, tight_box
from engine.photos import read_file
from engine.records import ACCEPTED, REJECTED, Cutout, Model, Pixels
from engine.registry import Registry
from engine.stage import Run, Stage, Worker

LEAST_COVER, MOST_COVER = 0.01, 0.92  # of the frame; beyond, a speck or the whole photo was taken for the subject
OWN_ALPHA = Model(name="own-alpha", revision="1", license="none")
WORKING_SIDES = 2  # photos are reduced to this multiple of `max_side` first: a 64-megapixel photo then needs 0.2 GB


class Segmenter(Protocol):
    """Finds the subject of a photo."""

    model: Model

    def __call__(self, photo: Pixels) -> Matte:
        """The matte of an HxWx3 photo.

        Raises:
            SampleError: NOTHING_TO_CUT.
        """
        ...


class SegmenterFactory(Protocol):
    """What a backend's name stands for."""

    def __call__(self, *, weights: str | None) -> Segmenter:
        """Load the segmenter in the process where it will run."""
        ...


SEGMENTERS: Registry[SegmenterFactory] = Registry(
    "segmenter",
    {
        "grabcut": "actors.backends.grabcut:GrabCut",
        "isnet": "actors.backends.isnet:IsNetSegmenter",
    },
)


@final
class Segment(Stage):
    """Photo in, cut-out out."""

    name: ClassVar[str] = "segment"
    reads: ClassVar[tuple[str, ...]] = ("source", "concept", "class_name", "license", "ensemble")
    writes: ClassVar[tuple[str, ...]] = (
        "source_sha256", "cutout_id", "image", "width", "height", "box", "cut_borders", "quality", "models",
        "status", "reasons",
    )  # fmt: skip

    backend: Annotated[str, AfterValidator(SEGMENTERS.known)] = Field(
        "grabcut", description="what finds the subject: grabcut (no weights) or isnet"
    )
    weights: str | None = Field(None, description="file of the backend's weights; grabcut has none")
    max_side: int = Field(
        1024, ge=64, le=8192, description="longest side of a cut-out, pixels; larger ones are reduced"
    )
    min_quality: float = Field(0.62, ge=0, le=1, description="cut-outs that the backend trusts less are rejected")

    def load(self, run: Run) -> Worker:
        """Load the backend; it lives as long as the worker."""
        del run
        cv2.setNumThreads(1)
        segmenter = SEGMENTERS.resolve(self.backend)(weights=self.weights)

        def work(rows: Sequence[Cutout]) -> list[object]:
            return [_answer(self, segmenter, row) for row in rows]

        return work


def _answer(spec: Segment, segmenter: Segmenter, row: Cutout) -> Cutout | SampleError:
    try:
        return segment_row(spec, segmenter, row)
    except SampleError as error:
        return error


def segment_row(spec: Segment, segmenter: Segmenter, row: Cutout) -> Cutout:
    """The row with its cut-out.

    Raises:
        SampleError: PHOTO_UNREADABLE, IMAGE_EMPTY, IMAGE_TOO_LARGE, IMAGE_ANIMATED, IMAGE_UNREADABLE, NOTHING_TO_CUT.
    """
    data = read_file(row.source)
    photo = _within(decode_photo(data, where=row.source), WORKING_SIDES * spec.max_side)
    try:
        rgba, matte, borders, model = _own_cut(photo) if _has_alpha(photo) else _cut(photo[..., :3], segmenter)
    except SampleError as error:
        raise SampleError(error.code, error.what, where=row.source, why=error.why, fix=error.fix) from error
    sha = sha256(data).hexdigest()
    image = _within(rgba, spec.max_side)
    reasons = _reasons(borders, matte.quality, spec.min_quality)
    return replace(
        row,
        source_sha256=sha,
        cutout_id=_cutout_id(row, sha, model, spec),
        image=encode_png(image),
        width=image.shape[1],
        height=image.shape[0],
        box=_unit_box(matte.alpha),
        cut_borders=borders,
        quality=matte.quality,
        models=(model,),
        status=REJECTED if reasons else ACCEPTED,
        reasons=reasons,
    )


def _has_alpha(photo: Pixels) -> bool:
    return photo.shape[2] == 4 and bool((photo[..., 3] < 255).any())


def _own_cut(photo: Pixels) -> tuple[Pixels, Matte, tuple[str, ...], Model]:
    """The user's own cut-out, colours and alpha untouched.

    It is usually cropped tight, so to touch a border means nothing: no border counts as cut.
    """
    alpha = photo[..., 3]
    box = tight_box(alpha)
    if box is None or alpha.max() < OPAQUE:
        raise SampleError("NOTHING_TO_CUT", "its own alpha hides all of it", fix="save it with a visible subject")
    x0, y0, x1, y1 = box
    return photo[y0:y1, x0:x1], Matte(alpha, 1.0), (), OWN_ALPHA


def _cut(photo: Pixels, segmenter: Segmenter) -> tuple[Pixels, Matte, tuple[str, ...], Model]:
    matte = segmenter(photo)
    cover = float((matte.alpha >= OPAQUE).mean())
    if not LEAST_COVER <= cover <= MOST_COVER:
        raise SampleError(
            "NOTHING_TO_CUT",
            f"what stands out covers {cover:.1%} of the photo",
            why=f"a subject covers {LEAST_COVER:.0%} to {MOST_COVER:.0%} of its photo",
            fix="crop the photo, or bring an RGBA cut-out",
        )
    return cut_out(photo, matte.alpha), matte, cut_borders(matte.alpha), segmenter.model


def _reasons(borders: Sequence[str], quality: float, least: float) -> tuple[str, ...]:
    cut = ("cut_three_borders",) if len(borders) >= 3 else ()
    return (*cut, "low_quality") if quality < least else cut


def _within(pixels: Pixels, side: int) -> Pixels:
    """The picture, reduced where its longest side is above `side` px."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    return resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def _unit_box(alpha: Pixels) -> tuple[float, float, float, float]:
    box = tight_box(alpha)
    assert box is not None
    height, width = alpha.shape
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def _cutout_id(row: Cutout, sha: str, model: Model, spec: Segment) -> str:
    """16 hex digits of who is seen and of everything that the pixels depend on: two concepts may share a photo."""
    parts = (row.ensemble, row.concept, sha, model.name, model.revision, spec.weights or "", str(spec.max_side))
    return blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()
