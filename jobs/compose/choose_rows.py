"""A recipe's `choose`: what is wanted of all rows of a run together, as a view when it ends."""

from __future__ import annotations

from engine.dataset.score_table import slim_types
from engine.dataset.views import CHOSEN_VIEW, old_view, remove_view
from engine.rows.kinds import RECORDS
from engine.rows.schema import arrow_schema, column_names
from engine.run.recipe import Recipe
from jobs.console import Console
from jobs.curate.filter import choose, write
from planners.curate.selection import Wanted, schema_of, select


def selection_of_recipe(recipe: Recipe, out: str = "") -> Wanted | None:
    """What a recipe's `choose` asks of its rows, checked before there are any.

    Raises:
        UsageError: those of `planners.curate.selection`; VIEW_PLACE where `out` is given and holds something else than
        a view.
    """
    if recipe.choose is None:
        return None
    wanted = Wanted(**recipe.choose.model_dump())
    record = RECORDS.resolve(recipe.whole("compose").record)
    select(wanted, schema_of(slim_types(arrow_schema(record, column_names(record, stored=True)))))
    if out:
        old_view(f"{out}/{CHOSEN_VIEW}")
    return wanted


def choose_of_run(out: str, wanted: Wanted, console: Console) -> None:
    """Write what a run's recipe asks for as the view ``OUT/chosen``, or say which part of it leaves nothing."""
    chosen = choose(out, wanted, explain=False)
    if not chosen.rows.num_rows:
        fatal = next(text for text, count in chosen.account.steps if not count)
        remove_view(f"{out}/{CHOSEN_VIEW}")
        console.say(f"choose  no row is left after: {fatal}")
        return
    write(chosen, wanted, f"{out}/{CHOSEN_VIEW}")
    console.say(f"choose  {chosen.rows.num_rows:,} rows: {out}/{CHOSEN_VIEW}")
