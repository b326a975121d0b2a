"""Measures a finished composition and writes down what stands in it. What follows from it is the gate's business."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, ClassVar, Protocol, final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from engine.images import decode, encode_png
from engine.library import Library, open_library
from engine.measures import identity_psnr, seam, visible_fraction
from engine.paste import fitted, over, window
from engine.records import Composition, Model, Pixels, PlacedObject, Placement
from engine.registry import Registry
from engine.similarity import Embeddings, cosine, cp_clip, cp_clip_assigned, similarities
from engine.stage import Run, Spec, Stage, Worker
from planners.layout_rules import problems

GREY = 128  # reference cut-outs are seen on middle grey: no background to match


class ClipScorer(Protocol):
    """What a CLIP backend offers."""

    model: Model

    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """NxD, each row of length 1, of N HxWx3 images of any size."""

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """NxD, each row of length 1."""


CLIP_SCORERS: Registry[Callable[[ClipSpec], ClipScorer]] = Registry(
    "clip scorer", {"open_clip": "actors.backends.open_clip:OpenClip"}
)


@final
class ClipSpec(Spec):
    """Which CLIP gives the scores."""

    backend: Annotated[str, AfterValidator(CLIP_SCORERS.known)] = Field(
        default="open_clip", description="library that runs the model"
    )
    model: str = Field(description="model name, hub id or local folder")
    pretrained: str = Field(default="", description="tag of the weights, where the model name has several")
    revision: str = Field(default="", description="commit of the weights on the hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScores:
    """The four CLIP columns of a row; None where no model is configured."""

    clip_score: float | None = None
    ti_clip: float | None = None
    cp_clip: float | None = None
    cp_clip_assigned: float | None = None


@final
class Score(Stage):
    """Measure identity, seam, layout and, with a model, CLIP similarity."""

    name: ClassVar[str] = "score"
    reads: ClassVar[tuple[str, ...]] = (
        "concepts", "cast", "placements", "layers", "foreground", "image", "caption", "background_prompt",
        "ground_line", "color_gains", "color_offsets", "painters",
    )  # fmt: skip
    writes: ClassVar[tuple[str, ...]] = (
        "objects", "layout_valid", "seam", "clip_score", "ti_clip", "cp_clip", "cp_clip_assigned", "models",
    )  # fmt: skip

    clip: ClipSpec | None = Field(default=None, description="CLIP model; without one the CLIP columns stay null")
    references: int = Field(default=4, ge=1, le=64, description="cut-outs per concept that crops are compared with")

    def load(self, run: Run) -> Worker:
        """Open the library, and the CLIP model where one is configured."""
        cv2.setNumThreads(1)
        library = open_library(run.library)
        scorer = CLIP_SCORERS.resolve(self.clip.backend)(self.clip) if self.clip else None
        judge = clip_judge(scorer, library, self.references) if scorer else without_clip
        models = (scorer.model,) if scorer else ()

        def work(rows: Sequence[Composition]) -> list[object]:
            stored = [decode(row.image or b"") for row in rows]
            scores = judge(rows, stored)
            return [
                _scored(row, pixels, library, clip, models)
                for row, pixels, clip in zip(rows, stored, scores, strict=True)
            ]

        return work


Judge = Callable[[Sequence[Composition], Sequence[Pixels]], list[ClipScores]]


def without_clip(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[ClipScores]:
    """No model, no number."""
    del stored
    return [ClipScores() for _ in rows]


def clip_judge(scorer: ClipScorer, library: Library, limit: int) -> Judge:
    """The CLIP scores of a batch. The references of a concept, its first `limit` cut-outs by id, are embedded once."""
    by_concept: dict[str, list[str]] = {}
    for cutout_id, info in library.cutouts.items():
        by_concept.setdefault(info.concept, []).append(cutout_id)

    @lru_cache(maxsize=4096)
    def references(concept: str) -> Embeddings:
        chosen = sorted(by_concept[concept])[:limit]
        return scorer.embed_images([_on_grey(library.pixels(cutout_id)) for cutout_id in chosen])

    def judge(rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[ClipScores]:
        images = scorer.embed_images(stored)
        texts = scorer.embed_texts([text for row in rows for text in (row.caption, row.background_prompt)])
        crops = scorer.embed_images(
            [_crop(pixels, at) for row, pixels in zip(rows, stored, strict=True) for at in row.placements]
        )
        scores, first = [], 0
        for number, row in enumerate(rows):
            own = crops[first : first + len(row.placements)]
            first += len(row.placements)
            table = similarities(own, [references(concept) for concept in row.concepts])
            scores.append(
                ClipScores(
                    clip_score=cosine(images[number], texts[2 * number]),
                    ti_clip=cosine(images[number], texts[2 * number + 1]),
                    cp_clip=cp_clip(table, len(row.concepts)),
                    cp_clip_assigned=cp_clip_assigned(table, len(row.concepts)),
                )
            )
        return scores

    return judge


def _scored(
    row: Composition, stored: Pixels, library: Library, clip: ClipScores, models: tuple[Model, ...]
) -> Composition:
    cast = [library.cutouts[cutout_id] for cutout_id in row.cast]
    return replace(
        row,
        objects=placed_objects(row, stored, library),
        layout_valid=not problems(row.placements, cast, row.ground_line),
        seam=seam(stored, row.layers),
        clip_score=clip.clip_score,
        ti_clip=clip.ti_clip,
        cp_clip=clip.cp_clip,
        cp_clip_assigned=clip.cp_clip_assigned,
        models=tuple(dict.fromkeys((*(model for cutout in cast for model in cutout.models), *row.painters, *models))),
    )


def placed_objects(row: Composition, stored: Pixels, library: Library) -> tuple[PlacedObject, ...]:
    """What stands in the picture, in the order of the cast, which is the order of the caption.

    Args:
        row: with its layout and layers, which are in the order of the placements.
        stored: HxWx3, the image as decoded from what will be stored.
        library: gives class, licence and source of each cut-out.
    """
    waiting: dict[str, list[int]] = {}
    for number, placement in enumerate(row.placements):
        waiting.setdefault(placement.cutout_id, []).append(number)
    at = [waiting[cutout_id].pop(0) for cutout_id in row.cast]
    return tuple(
        _placed(row, concept, number, stored, library) for concept, number in zip(row.concepts, at, strict=True)
    )


def _placed(row: Composition, concept: str, number: int, stored: Pixels, library: Library) -> PlacedObject:
    assert row.foreground is not None
    placement, layer = row.placements[number], row.layers[number]
    info = library.cutouts[placement.cutout_id]
    whole = fitted(library.pixels(placement.cutout_id)[..., 3], placement, layer.shape[0])
    return PlacedObject(
        concept=concept,
        class_name=info.class_name,
        cutout_id=placement.cutout_id,
        source_sha256=info.source_sha256,
        license=info.license,
        box=placement.box,
        mask=encode_png(layer),
        flip=placement.flip,
        order=placement.order,
        support=placement.support,
        relative_size=placement.relative_size,
        color_gain=row.color_gains[number],
        color_offset=row.color_offsets[number],
        visible_fraction=visible_fraction(layer, whole),
        identity_psnr=identity_psnr(stored, row.foreground, layer),
    )


def _crop(pixels: Pixels, placement: Placement) -> Pixels:
    rows, columns = window(placement, pixels.shape[0])
    return pixels[rows, columns]


def _on_grey(cutout: Pixels) -> Pixels:
    return over(cutout, np.full((*cutout.shape[:2], 3), GREY, np.uint8))
