"""A pool: stages that share one process, and what one such process needs. It is placement and never changes data."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from engine.run.stage import Spec

COMMIT = "commit"
"""The last step of the last pool of every phase that ends a chain."""


class Pool(Spec):
    """Stages that share one process, and what one such process needs. Grouping is placement: it never changes data."""

    stages: tuple[str, ...] = Field(min_length=1, description="consecutive stages; the last pool ends with `commit`")
    cpus: float = Field(1.0, ge=0, description="CPU cores of one replica")
    gpus: float = Field(0.0, ge=0, description="GPUs of one replica; 0.25 lets four share a GPU")
    memory_gb: float = Field(0.0, ge=0, description="host memory reserved for one replica; 0 reserves none")
    min_replicas: int = Field(1, ge=1)
    max_replicas: int | None = Field(None, ge=1, description="none: as many as the cluster holds")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_replicas is not None and self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas must not be more than max_replicas")
        return self

    def only(self, names: tuple[str, ...]) -> Self:
        """The same resources for other stages."""
        return self.model_copy(update={"stages": names})
