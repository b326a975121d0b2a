"""A phase of a recipe as a pipeline, and as the work that one run loop takes."""

from __future__ import annotations

from engine.rows.kinds import RECORDS
from engine.rows.schema import column_names
from engine.rows.values import ACCEPTED
from engine.run.phase import Phase
from engine.run.pipeline import Pipeline, Source
from engine.run.recipe import Recipe
from engine.run.sources import SOURCES, Origin
from engine.run.stage import Run
from engine.storage.extents import Extents
from jobs.run_loop import Budget, Work, new_run_id, pipeline_work


def origin_of(recipe: Recipe, phase: Phase, run: Run, extents: Extents) -> Origin:
    """What the rows of a phase are built from; where no stage judges them, every row that is made is accepted."""
    judged = "status" in phase.columns()
    return Origin(
        record=RECORDS.resolve(phase.record),
        extents=extents,
        seed=recipe.seed,
        out=run.out,
        status="" if judged else ACCEPTED,
    )


def phase_pipeline(
    recipe: Recipe, phase: Phase, *, run: Run, extents: Extents, source: Source | None = None
) -> Pipeline:
    """All that a worker needs to know to make the rows of a phase.

    Args:
        recipe: that has the phase.
        phase: or several as one.
        run: what workers share.
        extents: of the output.
        source: of the rows, where it is not the phase's own.

    Raises:
        UsageError: BACKEND_UNKNOWN where the phase names an unknown record or source.
    """
    origin = origin_of(recipe, phase, run, extents)
    source = source or SOURCES.resolve(phase.source)(origin)
    stored = column_names(origin.record, stored=True)
    goes_on = not any(phase.stages[-1] is end.stages[-1] for end in recipe.ends())
    return Pipeline(
        record=origin.record,
        run=run,
        run_id=new_run_id(),
        source=source,
        groups=phase.groups(recipe.pools_of(phase)),
        unit_size=recipe.unit_size_of(phase),
        keeps=(*source.planned, *phase.columns()) if goes_on else stored,
    )


def phase_work(
    recipe: Recipe,
    phase: Phase,
    *,
    run: Run,
    extents: Extents,
    samples: int,
    budget: Budget,
    source: Source | None = None,
) -> Work:
    """What is missing of the first `samples` rows of a phase; arguments as of `phase_pipeline` and `pipeline_work`."""
    pipeline = phase_pipeline(recipe, phase, run=run, extents=extents, source=source)
    pools = recipe.pools_of(phase)
    return pipeline_work(pipeline, pools, label=phase.name, extents=extents, samples=samples, budget=budget)
