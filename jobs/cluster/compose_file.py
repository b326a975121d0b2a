"""What `compose` is asked for, as a file that `submit` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, final

from pydantic import BeforeValidator, Field

from engine.photos.backgrounds import DRAWN, OWN
from engine.run.recipe_parse import validate_spec
from engine.run.recipe_yaml import Origins
from jobs.cluster.parcel import Handed, Parcel, beside, require_travels
from jobs.compose.choose_rows import selection_of_recipe
from jobs.compose.recipes import load, show
from jobs.run_loop import parse_budget

RECIPE = "recipe.yaml"
OPTIONS = ("backgrounds", "library", "layouts")  # of `compose`, that may be left out


@final
class RunFile(Handed):
    """What `compose` is asked for."""

    recipe: str = Field(description="name of a built-in recipe, or a YAML file; beside this file if relative")
    photos: str = Field(description="absolute path or s3:// that every node can read")
    samples: int = Field(ge=1, description="how many")
    backgrounds: str = Field(default="", description="folder, own (the photos, emptied), drawn; empty: the recipe's")
    layouts: str = Field(default="", description="what `mycanvas layout` made; empty: laid out by this run")
    library: str = Field(default="", description="library of cut-outs to use; empty: OUT/library")
    extras: tuple[str, ...] = Field(default=(), description="names of changes that the recipe keeps, as --with")
    max_failures: Annotated[str, BeforeValidator(str)] = Field(default="5%", description="stop when more rows fail")


def read_compose_file(tree: dict[str, object], origins: Origins, path: Path) -> Parcel:
    """A parcel that composes.

    Raises:
        UsageError: RECIPE_KEY, RECIPE_VALUE, BUDGET_VALUE, URI_SECRET, URI_RELATIVE, and those of
            `jobs.compose.recipes.load`.
    """
    run = validate_spec(RunFile, tree, (), origins, see="docs/cluster.md")
    parse_budget(run.max_failures)
    recipe = load(beside(path, run.recipe), run.set, run.extras)
    selection_of_recipe(recipe)
    for key in ("photos", "out", "models", *OPTIONS):
        if getattr(run, key) not in ("", OWN, DRAWN):
            require_travels(getattr(run, key), key)
    words = ["compose", RECIPE, "--photos", run.photos, "--samples", str(run.samples), "--out", run.out]
    words += ["--max-failures", run.max_failures, "--address", "auto", "--format", "json", *run.options(*OPTIONS)]
    return Parcel(
        handed=run,
        file=RECIPE,
        text=show(recipe),
        command=words,
        metadata={"recipe": recipe.name, "samples": str(run.samples), "out": run.out},
        specs=recipe.stages,
        accepted=recipe.accept_licence,
        photos={key: place for key in ("photos", "backgrounds") if (place := getattr(run, key)) not in (OWN, DRAWN)},
        asked=run.model_dump_json(exclude={"recipe", "set", "extras", "code"}) + recipe.name + show(recipe),
    )
