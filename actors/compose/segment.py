"""Cuts the subject out of each photo: one tight RGBA cut-out a row, with its edge colours clean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b, sha256
from typing import Annotated, ClassVar, Literal, Protocol, Self, final

import cv2
import numpy as np
from pydantic import AfterValidator, Field, model_validator

from engine.errors import SampleError
from engine.photos.decode_photo import decode_photo
from engine.photos.images import encode_png, resize, shrink
from engine.photos.listing import read_file
from engine.photos.mattes import OPAQUE, Matte, cut_borders, cut_out, tight_box
from engine.registry import Registry
from engine.rows.cutout import Cutout
from engine.rows.values import ACCEPTED, REJECTED, Model, Pixels
from engine.run.stage import Run, Spec, Stage, Worker

LEAST_COVER, MOST_COVER = 0.01, 0.92  # of the frame; beyond, a speck or the whole photo was taken for the subject
OWN_ALPHA = Model(name="own-alpha", revision="1", license="none")
MASK_STRAY = 0.02  # of the ratio of sides: a matte that was scaled is rounded
WORKING_SIDES = 2  # photos are reduced to this multiple of `max_side` first: a 64-megapixel photo then needs 0.2 GB


class Segmenter(Protocol):
    """Finds the subject of a photo."""

    models: tuple[Model, ...]

    def __call__(self, photo: Pixels, name: str = "") -> Matte:
        """The matte of the subject of an HxWx3 photo; `name` is its class, for those who look for it.

        Raises:
            SampleError: NOTHING_TO_CUT.
        """
        ...


SEGMENTERS: Registry[Callable[[Segment], Segmenter]] = Registry(
    "segmenter",
    {
        "grabcut": "actors.backends.segment.grabcut:GrabCut",
        "grounded_sam": "actors.backends.segment.grounded_sam:load",
        "isnet": "actors.backends.segment.isnet:load",
        "onnx": "actors.backends.segment.onnx:load",
    },
)


@final
class Grounding(Spec):
    """The two nets of `grounded_sam`: one finds what is named, one cuts it out."""

    detector: str = Field(description="hub id or local folder of a Grounding DINO, OWL-ViT or OWLv2")
    detector_revision: str = Field(default="", description="commit of its weights on the hub, 40 hex digits")
    sam: str = Field(description="hub id or local folder of a SAM 2")
    sam_revision: str = Field(default="", description="commit of its weights on the hub, 40 hex digits")
    threshold: float = Field(default=0.25, ge=0, le=1, description="score from which a box is believed")
    edges: Literal["", "isnet"] = Field(
        default="", description="a saliency net whose finer edge is taken where it found the same thing"
    )


@final
class Segment(Stage):
    """Photo in, cut-out out."""

    name: ClassVar[str] = "segment"
    reads: ClassVar[tuple[str, ...]] = ("source", "concept", "class_name", "license", "ensemble", "mask")
    writes: ClassVar[tuple[str, ...]] = (
        "source_sha256", "cutout_id", "image", "width", "height", "box", "cut_borders", "quality", "models",
        "notes", "status", "reasons",
    )  # fmt: skip

    backend: Annotated[str, AfterValidator(SEGMENTERS.require)] = Field(
        "grabcut", description="what finds the subject: grabcut (no weights), onnx, isnet, or grounded_sam by its name"
    )
    weights: str | None = Field(None, description="isnet: file or folder of its weights")
    nets: tuple[str, ...] = Field(
        (), max_length=4, description="onnx: nets by name (u2netp, u2net, isnet-general-use, birefnet-general, "
        "birefnet-general-lite) or ONNX file; the answers of several are averaged"
    )  # fmt: skip
    look_again: bool = Field(
        default=True, description="onnx: look at what was found again, nearer, mirrored and brightened; of these six "
        "looks `quality` says whether they agree"
    )  # fmt: skip
    grounding: Grounding | None = Field(None, description="grounded_sam: its two nets")
    max_side: int = Field(
        1024, ge=64, le=8192, description="longest side of a cut-out, pixels; larger ones are reduced"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.backend == "grounded_sam") != (self.grounding is not None):
            raise ValueError("`grounding` belongs to the backend 'grounded_sam', which needs it")
        if (self.backend == "onnx") != bool(self.nets):
            raise ValueError("`nets` belongs to the backend 'onnx', which needs one: u2netp, or an ONNX file")
        isnet = self.backend == "isnet" or (self.grounding is not None and self.grounding.edges == "isnet")
        if isnet != bool(self.weights):
            raise ValueError("`weights` belongs to IS-Net, which needs it: shipped:micro/segmenter, a file or a folder")
        return self

    def load(self, run: Run) -> Worker:
        """Load the backend; it lives as long as the worker."""
        del run
        cv2.setNumThreads(1)
        segmenter = SEGMENTERS.resolve(self.backend)(self)

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
        SampleError: PHOTO_UNREADABLE, IMAGE_EMPTY, IMAGE_TOO_LARGE, IMAGE_NO_READER, IMAGE_UNREADABLE, NOTHING_TO_CUT,
            MASK_SHAPE.
    """
    data = read_file(row.source)
    decoded = decode_photo(data, where=row.source)
    photo = shrink(decoded.pixels, WORKING_SIDES * spec.max_side)
    try:
        if row.mask:
            segmenter = _OwnMask(row.mask)
        own = not row.mask and _has_alpha(photo)
        rgba, matte, borders = _own_cut(photo) if own else _cut(photo[..., :3], segmenter, row.class_name)
    except SampleError as error:
        raise SampleError(
            error.code, error.what, where=error.where or row.source, why=error.why, fix=error.fix
        ) from error
    models = (OWN_ALPHA,) if own else segmenter.models
    sha = sha256(data).hexdigest()
    image = shrink(rgba, spec.max_side)
    reasons = ("cut_three_borders",) if len(borders) >= 3 else ()
    return replace(
        row,
        source_sha256=sha,
        cutout_id=_cutout_id(row, sha, models, spec),
        image=encode_png(image),
        width=image.shape[1],
        height=image.shape[0],
        box=_unit_box(matte.alpha),
        cut_borders=borders,
        quality=matte.quality,
        models=models,
        notes=decoded.notes,
        status=REJECTED if reasons else ACCEPTED,
        reasons=reasons,
    )


@final
class _OwnMask:
    """Says what a matte beside the photo says: white, or opaque, is the subject."""

    def __init__(self, uri: str) -> None:
        self._uri, self._data = uri, read_file(uri)
        revision = f"sha256:{sha256(self._data).hexdigest()[:16]}"  # another matte is another cut-out
        self.models: tuple[Model, ...] = (Model(name="own-mask", revision=revision, license="none"),)

    def __call__(self, photo: Pixels, name: str = "") -> Matte:
        del name
        pixels = decode_photo(self._data, where=self._uri).pixels
        alpha = pixels[..., 3] if _has_alpha(pixels) else pixels[..., :3].max(axis=2)
        height, width = photo.shape[:2]
        if abs(alpha.shape[1] / alpha.shape[0] - width / height) > MASK_STRAY:
            raise SampleError(
                "MASK_SHAPE",
                f"the matte is {alpha.shape[1]} x {alpha.shape[0]}, of another shape than its photo",
                where=self._uri,
                fix="save it from the photo as it is now, or remove it",
            )
        return Matte(resize(np.ascontiguousarray(alpha), width, height), 1.0)


def _has_alpha(photo: Pixels) -> bool:
    return photo.shape[2] == 4 and bool((photo[..., 3] < 255).any())


def _own_cut(photo: Pixels) -> tuple[Pixels, Matte, tuple[str, ...]]:
    """The user's own cut-out, colours and alpha untouched.

    It is usually cropped tight, so to touch a border means nothing: no border counts as cut.
    """
    alpha = photo[..., 3]
    box = tight_box(alpha)
    if box is None or alpha.max() < OPAQUE:
        raise SampleError("NOTHING_TO_CUT", "its own alpha hides all of it", fix="save it with a visible subject")
    x0, y0, x1, y1 = box
    return photo[y0:y1, x0:x1], Matte(alpha, 1.0), ()


def _cut(photo: Pixels, segmenter: Segmenter, name: str) -> tuple[Pixels, Matte, tuple[str, ...]]:
    matte = segmenter(photo, name)
    cover = float((matte.alpha >= OPAQUE).mean())
    if not LEAST_COVER <= cover <= MOST_COVER:
        raise SampleError(
            "NOTHING_TO_CUT",
            f"what stands out covers {cover:.1%} of the photo",
            why=f"a subject covers {LEAST_COVER:.0%} to {MOST_COVER:.0%} of its photo",
            fix="crop the photo, or bring an RGBA cut-out",
        )
    return cut_out(photo, matte.alpha), matte, cut_borders(matte.alpha)


def _unit_box(alpha: Pixels) -> tuple[float, float, float, float]:
    box = tight_box(alpha)
    assert box is not None
    height, width = alpha.shape
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def _cutout_id(row: Cutout, sha: str, models: Sequence[Model], spec: Segment) -> str:
    """16 hex digits of who is seen and of everything that the pixels depend on: two concepts may share a photo."""
    made_by = [text for model in models for text in (model.name, model.revision)]
    grounding = (spec.grounding.model_dump_json(),) if spec.grounding else ()
    nets = (*spec.nets, str(spec.look_again)) if spec.nets else ()
    parts = (row.ensemble, row.concept, sha, *made_by, spec.weights or "", str(spec.max_side), *nets, *grounding)
    return blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()
