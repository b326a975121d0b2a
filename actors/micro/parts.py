"""Every part of the micro family that can be trained, as strings: reading this table imports none."""

from __future__ import annotations

from actors.micro.spec import MicroTraining
from engine.registry import Registry

MICRO: Registry[type[MicroTraining]] = Registry(
    "part of the micro family",
    {
        "autoencoder": "actors.micro.specs:AutoencoderTraining",
        "generator": "actors.micro.specs:GeneratorTraining",
        "painter": "actors.micro.specs:PainterTraining",
        "segmenter": "actors.micro.specs:SegmenterTraining",
        "scorer": "actors.micro.specs:ScorerTraining",
        "identity": "actors.micro.specs:IdentityTraining",
        "detector": "actors.micro.specs:DetectorTraining",
        "planner": "actors.micro.specs:PlannerTraining",
        "composer_autoencoder": "actors.micro.specs:ComposerAutoencoderTraining",
        "composer": "actors.micro.specs:ComposerTraining",
    },
)
