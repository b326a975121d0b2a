"""Measures a finished composition and writes down what stands in it. What follows from it is the gate's business."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, final

import cv2
from pydantic import AfterValidator, Field

from actors.score_clip import ClipJudge, ClipScorer, ClipScores, ImageScorer, clip_judge, without_clip
from actors.score_detection import DetectionJudge, Detector, Recognised, detection_judge, without_detector
from actors.score_identity import IdentityJudge, Likeness, identity_judge, without_identity
from actors.score_safety import Harm, SafetyJudge, SafetySpec, safety_judge, without_safety
from engine.images import decode, encode_png
from engine.library import Library, open_library
from engine.measures import identity_psnr, seam, visible_fraction
from engine.paste import fitted
from engine.records import Composition, Model, Pixels, PlacedObject
from engine.registry import Registry
from engine.stage import Run, Spec, Stage, Worker
from planners.layout_rules import problems

CLIP_SCORERS: Registry[Callable[[ClipSpec], ClipScorer]] = Registry(
    "clip scorer", {"open_clip": "actors.backends.open_clip:OpenClip", "siglip": "actors.backends.siglip:Siglip"}
)
IDENTITY_SCORERS: Registry[Callable[[str, str], ImageScorer]] = Registry(
    "identity scorer", {"dino": "actors.backends.dino:Dino"}
)
DETECTORS: Registry[Callable[[str, str, float | None], Detector]] = Registry(
    "detector", {"owlvit": "actors.backends.owlvit:OwlVit"}
)


@final
class ClipSpec(Spec):
    """Which CLIP gives the scores."""

    backend: Annotated[str, AfterValidator(CLIP_SCORERS.known)] = Field(
        default="open_clip", description="open_clip, or siglip for SigLIP and SigLIP 2"
    )
    model: str = Field(description="model name, hub id or local folder")
    pretrained: str = Field(default="", description="tag of the weights, where the model name has several")
    revision: str = Field(default="", description="commit of the weights on the hub")


@final
class IdentitySpec(Spec):
    """Which model says whether an object is still the same instance."""

    backend: Annotated[str, AfterValidator(IDENTITY_SCORERS.known)] = Field(
        default="dino", description="DINO or DINOv2; its config says which"
    )
    model: str = Field(description="hub id, local folder, or a model that comes with the engine")
    revision: str = Field(default="", description="commit of the weights on the hub")


@final
class DetectorSpec(Spec):
    """Which detector is asked for the objects of a picture."""

    backend: Annotated[str, AfterValidator(DETECTORS.known)] = Field(
        default="owlvit", description="OWL-ViT or OWLv2; its config says which"
    )
    model: str = Field(description="hub id, local folder, or a model that comes with the engine")
    revision: str = Field(default="", description="commit of the weights on the hub")
    threshold: float | None = Field(
        default=None, ge=0, le=1, description="score from which a box is believed; null takes the model's own"
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """The configured models; None where none is."""

    clip: ClipScorer | None
    identity: ImageScorer | None
    detector: Detector | None


@dataclass(frozen=True, slots=True)
class Judges:
    """What the configured models say of a batch, and which models they are."""

    loaded: Loaded
    clip: ClipJudge
    identity: IdentityJudge
    detection: DetectionJudge
    safety: SafetyJudge
    models: tuple[Model, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the models say of one row; None in place of every number that no model was asked for."""

    clip: ClipScores
    likeness: Likeness
    recognised: Recognised
    harm: Harm = field(default_factory=Harm)


class Judged(Stage, ABC):
    """A stage that asks models for scores."""

    clip: ClipSpec | None = Field(default=None, description="CLIP model; without one the CLIP columns stay null")
    identity: IdentitySpec | None = Field(default=None, description="DINOv2 or DINO; without it `identity` stays null")
    detector: DetectorSpec | None = Field(
        default=None, description="OWL-ViT or OWLv2; without it `detection`, `object_recall`, `surplus…` stay null"
    )
    safety: SafetySpec | None = Field(
        default=None, description="who says what is harmful; without it `unsafe` stays null"
    )
    references: int = Field(default=4, ge=1, le=64, description="cut-outs per concept that crops are compared with")


@final
class Score(Judged):
    """Measure identity, seam, layout and, with models, CLIP similarity, likeness and what a detector recognises."""

    name: ClassVar[str] = "score"
    reads: ClassVar[tuple[str, ...]] = (
        "concepts", "cast", "placements", "layers", "foreground", "image", "caption", "background_prompt",
        "ground_line", "color_gains", "color_offsets", "planners", "painters", "captioners", "caption_detailed",
    )  # fmt: skip
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
                scored(row, pixels, library, verdict, judges.models)
                for row, pixels, verdict in zip(rows, stored, said, strict=True)
            ]

        return work


def judges_of(spec: Judged, library: Library, run: Run) -> Judges:
    """The models that a stage names, loaded, as judges of batches."""
    clip = CLIP_SCORERS.resolve(spec.clip.backend)(spec.clip) if spec.clip else None
    asked = spec.identity
    identity = IDENTITY_SCORERS.resolve(asked.backend)(asked.model, asked.revision) if asked else None
    wanted = spec.detector
    detector = DETECTORS.resolve(wanted.backend)(wanted.model, wanted.revision, wanted.threshold) if wanted else None
    safety, guards = safety_judge(spec.safety, run) if spec.safety else (without_safety, ())
    return Judges(
        Loaded(clip, identity, detector),
        clip_judge(clip, library, spec.references) if clip else without_clip,
        identity_judge(identity, library, spec.references) if identity else without_identity,
        detection_judge(detector, library) if detector else without_detector,
        safety,
        (*(loaded.model for loaded in (clip, identity, detector) if loaded), *guards),
    )


def verdicts(judges: Judges, rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[Verdict]:
    """What the models say of rows whose images, HxWx3, are `stored`."""
    return list(
        map(
            Verdict,
            judges.clip(rows, stored),
            judges.identity(rows, stored),
            judges.detection(rows, stored),
            judges.safety(rows, stored),
        )
    )


def scored(
    row: Composition, stored: Pixels, library: Library, verdict: Verdict, models: tuple[Model, ...]
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
    row: Composition, stored: Pixels, library: Library, verdict: Verdict | None = None
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
    placed = [_placed(row, concept, number, stored, library) for concept, number in zip(row.concepts, at, strict=True)]
    if verdict is None:
        return tuple(placed)
    likeness, scores = verdict.likeness, verdict.recognised.scores
    return tuple(
        replace(item, identity=likeness[number], detection=scores[number])
        for item, number in zip(placed, at, strict=True)
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
