"""YAML files by the names under which they come with the engine, or by their paths: recipes, trainings, protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from engine.errors import UsageError
from engine.run.recipe_yaml import Origins, override, read_yaml
from engine.text_file import read_text_file


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of files of one kind.

    Attributes:
        folder: where they are.
        kind: what one is called.
        hint: what more to do where there is none of a name.
    """

    folder: Path
    kind: Literal["recipe", "training", "protocol"]
    hint: str = ""

    @property
    def built_in(self) -> dict[str, Path]:
        """Those that come with the engine."""
        return {path.stem: path for path in sorted(self.folder.glob("*.yaml"))}

    def read(self, name: str) -> tuple[str, str]:
        """The text of a built-in one or of a file, and what to call it in messages.

        Raises:
            UsageError: RECIPE_MISSING, TRAINING_MISSING, PROTOCOL_MISSING.
        """
        known = self.built_in
        path = known.get(name, Path(name))
        try:
            return read_text_file(path), path.name if name in known else name
        except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path that cannot be one
            near = get_close_matches(name, known, n=1)
            guess = f"did you mean {near[0]!r}? " if near else ""
            fix = f"{guess}built in: {', '.join(known)}; or the path of a YAML file{self.hint}"
            raise UsageError(
                {"recipe": "RECIPE_MISSING", "training": "TRAINING_MISSING", "protocol": "PROTOCOL_MISSING"}[self.kind],
                f"there is no {self.kind} {name!r}",
                why=str(error),
                fix=fix,
            ) from error

    def tree(self, name: str, overrides: Sequence[str]) -> tuple[dict[str, Any], Origins]:
        """What one holds after ``key=value`` changes, and where each value stands.

        Raises:
            UsageError: as `read`, RECIPE_YAML, RECIPE_SET.
        """
        tree, origins = read_yaml(*self.read(name))
        for item in overrides:
            origins = override(tree, item, origins, places={})
        return tree, origins

    def says(self, name: str, key: str) -> bool:
        """Whether a file that is not built in has a key at its top."""
        try:
            lines = read_text_file(Path(name)).splitlines()
        except (OSError, ValueError):
            return False
        return any(line.startswith(f"{key}:") for line in lines)
