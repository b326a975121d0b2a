"""Every part of the micro family that can be trained, as strings: reading this table imports none."""

from __future__ import annotations

from actors.micro.spec import MicroTraining
from engine.registry import Registry

MICRO: Registry[type[MicroTraining]] = Registry(
    "part of the micro family",
    {
        "autoencoder": "actors.micro.diffusion.autoencoder:AutoencoderTraining",
        "generator": "actors.micro.diffusion.generator:GeneratorTraining",
        "painter": "actors.micro.diffusion.painter:PainterTraining",
        "segmenter": "actors.micro.segmenter:SegmenterTraining",
        "scorer": "actors.micro.scorer.scorer:ScorerTraining",
        "identity": "actors.micro.identity.identity:IdentityTraining",
        "detector": "actors.micro.detector.detector:DetectorTraining",
        "planner": "actors.micro.planner.planner:PlannerTraining",
    },
)
