"""The models that score: how a recipe names them, how they are loaded, and what they say of a batch together."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, final

from pydantic import AfterValidator, Field

from actors.score.clip import ClipJudge, ClipScorer, ClipScores, clip_judge, without_clip
from actors.score.detection import DetectionJudge, Detector, Recognised, detection_judge, without_detector
from actors.score.identity import IdentityJudge, Likenesses, identity_judge, without_identity
from actors.score.references import ImageScorer
from actors.score.safety import Harm, SafetyJudge, SafetySpec, safety_judge, without_safety
from engine.photos.library import Library
from engine.registry import Registry
from engine.rows.composition import Composition
from engine.rows.metric import metric_fields
from engine.rows.values import Model, Pixels
from engine.run.stage import Run, Spec, Stage

CLIP_SCORERS: Registry[Callable[[ClipSpec], ClipScorer]] = Registry(
    "clip scorer",
    {"open_clip": "actors.backends.score.open_clip:OpenClip", "siglip": "actors.backends.score.siglip:Siglip"},
)
IDENTITY_SCORERS: Registry[Callable[[str, str], ImageScorer]] = Registry(
    "identity scorer", {"dino": "actors.backends.score.dino:Dino"}
)
DETECTORS: Registry[Callable[[str, str, float | None], Detector]] = Registry(
    "detector", {"owlvit": "actors.backends.score.owlvit:OwlVit"}
)


@final
class ClipSpec(Spec):
    """Which CLIP gives the scores."""

    backend: Annotated[str, AfterValidator(CLIP_SCORERS.require)] = Field(
        default="open_clip", description="open_clip, or siglip for SigLIP and SigLIP 2"
    )
    model: str = Field(description="model name, hub id or local folder")
    pretrained: str = Field(default="", description="tag of the weights, where the model name has several")
    revision: str = Field(default="", description="commit of the weights on the hub")


@final
class IdentitySpec(Spec):
    """Which model says whether an object is still the same instance."""

    backend: Annotated[str, AfterValidator(IDENTITY_SCORERS.require)] = Field(
        default="dino", description="DINO or DINOv2; its config says which"
    )
    model: str = Field(description="hub id, local folder, or a model that comes with the engine")
    revision: str = Field(default="", description="commit of the weights on the hub")


@final
class DetectorSpec(Spec):
    """Which detector is asked for the objects of a picture."""

    backend: Annotated[str, AfterValidator(DETECTORS.require)] = Field(
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
class ModelScores:
    """What the models say of one row; None in place of every number that no model was asked for."""

    clip: ClipScores
    likeness: Likenesses
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
    references: int = Field(
        default=4, ge=1, le=64, description="cut-outs per concept that crops are compared with; never the pasted one"
    )


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


def verdicts(judges: Judges, rows: Sequence[Composition], stored: Sequence[Pixels]) -> list[ModelScores]:
    """What the models say of rows whose images, HxWx3, are `stored`."""
    return list(
        map(
            ModelScores,
            judges.clip(rows, stored),
            judges.identity(rows, stored),
            judges.detection(rows, stored),
            judges.safety(rows, stored),
        )
    )


def row_columns(said: ModelScores) -> dict[str, Any]:
    """The score columns of a row that models fill, by name."""
    parts = (said.clip, said.recognised, said.harm)
    return {name: _number(getattr(part, name)) for part in parts for name in metric_fields(type(part))}


def object_columns(said: ModelScores) -> dict[str, Sequence[Any]]:
    """The score columns of a row's objects that models fill, by name, each in the order of the placements."""
    columns = {
        "identity": said.likeness.identity,
        "copy_paste": said.likeness.copy_paste,
        "detection": said.recognised.scores,
    }
    return {name: [_number(value) for value in values] for name, values in columns.items()}


def _number(value: Any) -> Any:
    """A model that answers NaN or infinity has said nothing."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
