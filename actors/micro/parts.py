"""Every part of the micro family that can be trained, as strings: reading this table imports no course."""

from __future__ import annotations

from engine.registry import Registry
from engine.training.course import Course

MICRO: Registry[type[Course]] = Registry(
    "part of the micro family",
    {
        "autoencoder": "actors.micro.diffusion.autoencoder:Autoencoder",
        "generator": "actors.micro.diffusion.generator:Generator",
        "painter": "actors.micro.diffusion.painter:PainterCourse",
        "segmenter": "actors.micro.segmenter:SegmenterCourse",
        "scorer": "actors.micro.scorer.scorer:ScorerCourse",
        "identity": "actors.micro.identity.identity:IdentityCourse",
        "detector": "actors.micro.detector.detector:DetectorCourse",
        "planner": "actors.micro.planner.planner:PlannerCourse",
    },
)
