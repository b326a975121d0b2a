"""Training specs by name or by file, as recipes are: a mapping of the fields of what `training` names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from actors.personalize.custom_diffusion import CustomDiffusion
from actors.personalize.trainings import TRAININGS
from engine.errors import UsageError
from engine.run.recipe_parse import validate_spec
from engine.run.recipe_yaml import Origins
from jobs.named_yaml import Shelf

SHELF = Shelf(Path(__file__).parents[2] / "recipes" / "train", "training")


@dataclass(frozen=True, slots=True)
class Training:
    """A training by its name: what a person is told of it, and its spec."""

    name: str
    description: str
    spec: CustomDiffusion

    @property
    def stages(self) -> tuple[CustomDiffusion, ...]:
        """The specs that name models, as a recipe has them."""
        return (self.spec,)

    @property
    def accept_licence(self) -> tuple[str, ...]:
        """Models whose restricted licence is accepted."""
        return self.spec.accept_licence


def built_in() -> dict[str, Path]:
    """The trainings that come with the engine."""
    return SHELF.built_in


def is_training(name: str) -> bool:
    """Whether a name or a file means a training, and not a recipe."""
    return name in built_in() or SHELF.says(name, "training")


def load(name: str, overrides: Sequence[str] = ()) -> Training:
    """A checked spec.

    Raises:
        UsageError: TRAINING_MISSING, BACKEND_UNKNOWN, RECIPE_YAML, RECIPE_SET, RECIPE_KEY, RECIPE_VALUE.
    """
    tree, origins = SHELF.tree(name, overrides)
    return Training(Path(name).stem, str(tree.pop("description", "")), _spec(tree, origins))


def show(training: Training) -> str:
    """The training as YAML with every default written out."""
    spec = training.spec
    tree = {"training": spec.name, "description": training.description, **spec.model_dump(mode="json")}
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def _spec(tree: dict[str, object], origins: Origins) -> CustomDiffusion:
    kind = tree.pop("training", "")
    if kind not in TRAININGS:
        what = f"there is no training of the kind {kind!r}" if kind else "'training' is missing"
        fix = f"training: {' or '.join(TRAININGS)}"
        raise UsageError("RECIPE_KEY", what, where=origins.of(("training",)), fix=fix)
    see = "docs/train.md"
    return validate_spec(TRAININGS.resolve(str(kind)), tree, (), origins, see)
