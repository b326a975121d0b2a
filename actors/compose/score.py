"""Measures a finished composition and writes down what stands in it. What follows from it is the gate's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

import cv2

from actors.score.pixels import MeasuredComposition, MeasuredObject, pixel_columns
from actors.score.scorers import Judged, ModelScores, judges_of, object_columns, row_columns, verdicts
from engine.photos.cast import open_cast
from engine.photos.images import decode, encode_png
from engine.photos.library import Library
from engine.rows.composition import Composition, PlacedObject, UnscoredComposition
from engine.rows.metric import metric_fields
from engine.rows.values import Model, Pixels
from engine.run.stage import Run, Worker


@final
class Score(Judged):
    """Measure identity, seam, layout and, with models, CLIP similarity, likeness and what a detector recognises."""

    name: ClassVar[str] = "score"
    reads: ClassVar[tuple[str, ...]] = (
        "concepts", "cast", "placements", "layers", "foreground", "image", "caption", "background_prompt",
        "ground_line", "color_gains", "color_offsets", "planners", "painters", "captioners", "caption_detailed",
    )  # fmt: skip
    needs: ClassVar[tuple[str, ...]] = ("library",)
    writes: ClassVar[tuple[str, ...]] = (
        "objects",
        *(name for name in metric_fields(Composition) if name not in metric_fields(UnscoredComposition)),
        "models",
    )

    def load(self, run: Run) -> Worker:
        """Open the library, and the models that are configured."""
        cv2.setNumThreads(1)
        library = open_cast(run.out, run.library)
        judges = judges_of(self, library, run)

        def work(rows: Sequence[Composition]) -> list[object]:
            stored = [decode(row.image or b"") for row in rows]
            said = verdicts(judges, rows, stored)
            return [
                score_row(row, pixels, library, verdict, judges.models)
                for row, pixels, verdict in zip(rows, stored, said, strict=True)
            ]

        return work


def score_row(
    row: Composition, stored: Pixels, library: Library, verdict: ModelScores, models: tuple[Model, ...]
) -> Composition:
    """The row with the columns that `Score` writes; `stored` is its image as decoded from what will be stored."""
    cutters = (model for cutout_id in row.cast for model in library.cutouts[cutout_id].models)
    return replace(
        row,
        objects=placed_objects(row, stored, library, verdict),
        models=tuple(dict.fromkeys((*cutters, *row.planners, *row.painters, *row.captioners, *models))),
        **pixel_columns(MeasuredComposition(row, stored, library), type(row)),
        **row_columns(verdict),
    )


def placed_objects(
    row: Composition, stored: Pixels, library: Library, verdict: ModelScores | None = None
) -> tuple[PlacedObject, ...]:
    """What stands in the picture, in the order of the cast, which is the order of the caption.

    Args:
        row: with its layout and layers, which are in the order of the placements.
        stored: HxWx3, the image as decoded from what will be stored.
        library: gives class, licence and source of each cut-out.
        verdict: what the models say of the row, in the order of the placements; None where there are no models.
    """
    waiting: dict[str, list[int]] = {}
    for number, placement in enumerate(row.placements):
        waiting.setdefault(placement.cutout_id, []).append(number)
    at = [waiting[cutout_id].pop(0) for cutout_id in row.cast]
    image = MeasuredComposition(row, stored, library)
    placed = [_placed_object(image, concept, number) for concept, number in zip(row.concepts, at, strict=True)]
    if verdict is None:
        return tuple(placed)
    columns = object_columns(verdict)
    return tuple(
        replace(item, **{name: values[number] for name, values in columns.items()})
        for item, number in zip(placed, at, strict=True)
    )


def _placed_object(image: MeasuredComposition, concept: str, number: int) -> PlacedObject:
    row, library = image.row, image.library
    placement, layer = row.placements[number], row.layers[number]
    info = library.cutouts[placement.cutout_id]
    item = MeasuredObject(image, placement, layer, library.pixels(placement.cutout_id)[..., 3], info)
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
        **pixel_columns(item, PlacedObject),
    )
