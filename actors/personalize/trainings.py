"""Trainings by name, as a YAML file calls them under `training`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.registry import Registry

if TYPE_CHECKING:
    from actors.personalize.custom_diffusion import CustomDiffusion

TRAININGS: Registry[type[CustomDiffusion]] = Registry(
    "training", {"custom-diffusion": "actors.personalize.custom_diffusion:CustomDiffusion"}
)
