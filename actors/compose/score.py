"""Measures a finished composition and writes down what stands in it. What follows from it is the gate's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

import cv2

from actors.score.scorers import Judged, ModelScores, judges_of, verdicts
from engine.compose.paste import fit_cutout
from engine.metrics.pixels import cut_edge, identity_psnr, seam, visible_fraction
from engine.photos.images import decode, encode_png
from engine.photos.library import Library, open_library
from engine.rows.composition import Composition, PlacedObject
from engine.rows.values import Model, Pixels
from engine.run.stage import Run, Worker
from planners.compose.layout_rules import problems


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
        "objects", "layout_valid", "seam", "clip_score", "ti_clip", "cp_clip", "cp_clip_assigned", "object_recall",
        "surplus", "surplus_detection", "unsafe", "harm", "models",
    )  # fmt: skip

    def load(self, run: Run) -> Worker:
        """Open the library, and the models that are configured."""
        cv2.setNumThreads(1)
        library = open_library(run.library)
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
    cast = [library.cutouts[cutout_id] for cutout_id in row.cast]
    cutters = (model for cutout in cast for model in cutout.models)
    return replace(
        row,
        objects=placed_objects(row, stored, library, verdict),
        layout_valid=not problems(row.placements, cast, row.ground_line),
        seam=seam(stored, row.layers),
        clip_score=verdict.clip.clip_score,
        ti_clip=verdict.clip.ti_clip,
        cp_clip=verdict.clip.cp_clip,
        cp_clip_assigned=verdict.clip.cp_clip_assigned,
        object_recall=verdict.recognised.object_recall,
        surplus=verdict.recognised.surplus,
        surplus_detection=verdict.recognised.surplus_detection,
        unsafe=verdict.harm.unsafe,
        harm=verdict.harm.reason,
        models=tuple(dict.fromkeys((*cutters, *row.planners, *row.painters, *row.captioners, *models))),
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
    placed = [
        _placed_object(row, concept, number, stored, library) for concept, number in zip(row.concepts, at, strict=True)
    ]
    if verdict is None:
        return tuple(placed)
    likeness, scores = verdict.likeness, verdict.recognised.scores
    return tuple(
        replace(item, identity=likeness[number], detection=scores[number])
        for item, number in zip(placed, at, strict=True)
    )


def _placed_object(row: Composition, concept: str, number: int, stored: Pixels, library: Library) -> PlacedObject:
    assert row.foreground is not None
    placement, layer = row.placements[number], row.layers[number]
    info = library.cutouts[placement.cutout_id]
    alpha = library.pixels(placement.cutout_id)[..., 3]
    whole = fit_cutout(alpha, placement, layer.shape[0])
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
        cut_edge=cut_edge(alpha, info.cut_borders),
    )
