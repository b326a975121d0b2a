"""What is trained: a frozen spec whose fields are the hyperparameters, as a stage's are its configuration."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from hashlib import blake2b
from typing import ClassVar, TypeVar

from pydantic import Field, ValidationError

from engine.errors import UsageError
from engine.run.recipe_yaml import Origins, override
from engine.run.stage import Spec
from engine.training.context import TrainContext
from engine.training.schedule import Schedule

T = TypeVar("T", bound="TrainingSpec")


class TrainingSpec(Spec, ABC):
    """How one model is trained. Its fields are the hyperparameters; `train` is the only place where weights appear."""

    name: ClassVar[str]

    seed: int = Field(default=0, ge=0, lt=1 << 63, description="root seed of every draw of the training")
    schedule: Schedule

    @abstractmethod
    def train(self, context: TrainContext) -> None:
        """Train; rank 0 puts the finished artifact under `context.out`."""

    def digest(self) -> str:
        """8 hex digits over name and fields: a training goes on only where it was begun with the same ones."""
        fields = json.dumps([self.name, self.model_dump(mode="json")], sort_keys=True)
        return blake2b(fields.encode(), digest_size=4).hexdigest()

    @property
    def run(self) -> str:
        """Name of the run, under which checkpoints and logs are kept: other hyperparameters begin another one."""
        return f"{self.name}-{self.digest()}"


def configure(kind: type[T], overrides: Sequence[str] = ()) -> T:
    """A spec with its defaults, but for ``schedule.steps=3000`` and the like; values are YAML.

    Raises:
        UsageError: RECIPE_SET, RECIPE_YAML, RECIPE_KEY, RECIPE_VALUE.
    """
    tree = kind.model_validate({}).model_dump(mode="json")
    origins = Origins(f"training {kind.name}", {})
    for item in overrides:
        origins = override(tree, item, origins, places={})
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(str(part) for part in first["loc"])
        unknown = first["type"] in {"extra_forbidden", "unexpected_keyword_argument"}
        raise UsageError(
            "RECIPE_KEY" if unknown else "RECIPE_VALUE",
            f"unknown key {'.'.join(place)!r}" if unknown else f"{'.'.join(place)}: {first['msg']}",
            where=origins.of(place),
            fix=f"fields of {kind.name!r}: {', '.join(kind.model_fields)}",
        ) from error
