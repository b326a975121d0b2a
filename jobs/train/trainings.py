"""Training specs by name or by file, as recipes are: a mapping of the fields of what `training` names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import yaml

from actors.personalize.custom_diffusion import CustomDiffusion
from actors.personalize.trainings import TRAININGS
from engine.errors import UsageError
from engine.run.recipe_parse import validate_spec
from engine.run.recipe_yaml import Origins, override, read_yaml
from engine.text_file import read_text_file

FOLDER = Path(__file__).parents[2] / "recipes" / "train"


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
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def is_training(name: str) -> bool:
    """Whether a name or a file means a training, and not a recipe."""
    if name in built_in():
        return True
    try:
        lines = read_text_file(Path(name)).splitlines()
    except (OSError, ValueError):
        return False
    return any(line.startswith("training:") for line in lines)


def load(name: str, overrides: Sequence[str] = ()) -> Training:
    """A checked spec.

    Raises:
        UsageError: TRAINING_MISSING, BACKEND_UNKNOWN, RECIPE_YAML, RECIPE_SET, RECIPE_KEY, RECIPE_VALUE.
    """
    known = built_in()
    path = known.get(name, Path(name))
    try:
        text = read_text_file(path)
    except (OSError, ValueError) as error:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        fix = f"{hint}built in: {', '.join(known)}; or the path of a YAML file"
        raise UsageError("TRAINING_MISSING", f"there is no training {name!r}", why=str(error), fix=fix) from error
    tree, origins = read_yaml(text, path.name if name in known else name)
    for item in overrides:
        origins = override(tree, item, origins, places={})
    return Training(path.stem, str(tree.pop("description", "")), _spec(tree, origins))


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
