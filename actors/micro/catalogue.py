"""Every part of the micro family that can be trained, as strings: reading this table imports no course."""

from __future__ import annotations

from engine.registry import Registry
from engine.training import Course

MICRO: Registry[type[Course]] = Registry(
    "part of the micro family",
    {
        "autoencoder": "actors.micro.autoencoder:Autoencoder",
        "generator": "actors.micro.generator:Generator",
        "painter": "actors.micro.painter:PainterCourse",
        "segmenter": "actors.micro.segmenter:SegmenterCourse",
        "scorer": "actors.micro.scorer:ScorerCourse",
        "identity": "actors.micro.identity:IdentityCourse",
        "detector": "actors.micro.detector:DetectorCourse",
        "planner": "actors.micro.planner:PlannerCourse",
    },
)
