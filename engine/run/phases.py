"""A recipe in two phases: the language model lays everything out and leaves, then the other models get the cards."""

from __future__ import annotations

from engine.run.recipe import COMMIT, Pool, Recipe
from engine.run.stage import Stage

LAST = "layout"  # of the first phase


def laying_out(recipe: Recipe) -> tuple[tuple[Stage, ...], Pool]:
    """The stages up to the layout, in one process each replica, on what the layout's own pool asks for."""
    stages = recipe.stages[: _cut(recipe)]
    own = next(pool for pool in recipe.pools if LAST in pool.stages)
    return stages, own.model_copy(update={"stages": (*(stage.name for stage in stages), COMMIT)})


def from_layouts(recipe: Recipe) -> tuple[list[tuple[Stage, ...]], tuple[Pool, ...]]:
    """The groups and pools of what comes after; a pool that has nothing left to do is gone."""
    gone = {stage.name for stage in recipe.stages[: _cut(recipe)]}
    later = [tuple(name for name in pool.stages if name not in gone) for pool in recipe.pools]
    kept = [
        (tuple(stage for stage in group if stage.name not in gone), pool.model_copy(update={"stages": names}))
        for group, pool, names in zip(recipe.groups(), recipe.pools, later, strict=True)
        if names
    ]
    return [group for group, _ in kept], tuple(pool for _, pool in kept)


def _cut(recipe: Recipe) -> int:
    return [stage.name for stage in recipe.stages].index(LAST) + 1
