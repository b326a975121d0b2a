"""`mycanvas layout`: who appears, before what, and where everything stands, for a run that is painted later.

The language model has every card to itself while it answers, and is gone when painting begins; a painting that is
resumed never asks it again.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import UsageError
from engine.rows.composition import Composition
from engine.rows.values import ACCEPTED
from engine.run.phases import laying_out
from engine.run.pipeline import Pipeline
from engine.run.sources import PLANNED, Layouts, Samples
from engine.run.stage import Stage
from engine.storage.commits import list_committed
from engine.storage.extents import Extents, extend, read_extents
from engine.storage.lock import LOCK, claim
from engine.storage.manifest import write_manifest
from engine.storage.store import Store
from engine.storage.stores import open_store
from jobs.compose.order import ComposeRequest, Materials, keep_backgrounds, materials, run_of
from jobs.console import Console
from jobs.run_loop import Tally, make_missing, run_id


def layout(order: ComposeRequest, console: Console) -> Tally:
    """Lay out what is missing of an order; returns the rows made by this call."""
    store = open_store(order.out)
    with materials(order, console) as made_of:
        extents = _lock(order, store, made_of)
        tally = make_missing(
            layout_pipeline(order, extents),
            (laying_out(order.recipe)[1],),
            store=store,
            extents=extents,
            samples=order.samples,
            capacity=made_of.capacity,
            budget=order.budget,
            console=console,
            label="layout",
        )
    write_manifest(store)
    return tally


def layout_pipeline(order: ComposeRequest, extents: Extents) -> Pipeline:
    """The first phase of an order's recipe; its shards hold what its stages write."""
    stages = laying_out(order.recipe)[0]
    source = Samples(extents, order.recipe.seed, ACCEPTED)
    return Pipeline(
        record=Composition,
        run=run_of(order),
        run_id=run_id(),
        source=source,
        groups=(stages,),
        unit_size=order.recipe.unit_size,
        keeps=(*_columns(stages), "status", "reasons"),
    )


def _columns(stages: Sequence[Stage]) -> tuple[str, ...]:
    return (*PLANNED, *(column for stage in stages for column in stage.writes))


def _lock(order: ComposeRequest, store: Store, made_of: Materials) -> Extents:
    claim(store, lock_content(order, made_of))
    keep_backgrounds(store, made_of.backgrounds)
    return extend(store, order.samples, order.recipe.unit_size)


def lock_content(order: ComposeRequest, made_of: Materials) -> dict[str, object]:
    """What layouts and the run that is painted from them must agree on."""
    whole = order.recipe.affects_data()
    first = {stage.name: whole["stages"][stage.name] for stage in laying_out(order.recipe)[0]}
    return {"data": {"seed": order.recipe.seed, "stages": first, **made_of.fingerprints()}, "recipe": order.recipe.name}


def check_layouts(order: ComposeRequest, made_of: Materials) -> Extents:
    """The extents of the layouts that an order is painted from; nothing is written before all of them are there.

    Raises:
        UsageError: LAYOUTS_MISSING, LAYOUTS_UNFINISHED, and RUN_CHANGED where they were made by or of something else.
    """
    store = open_store(order.layouts)
    again = "mycanvas layout with the same recipe, photos and seed"
    if not store.exists(LOCK):
        raise UsageError("LAYOUTS_MISSING", "there are no layouts", where=store.uri, fix=f"make them: {again}")
    claim(store, lock_content(order, made_of))
    drawn, wanted = read_extents(store), _samples_to_paint(order)
    units = drawn.limit(wanted)
    missing = drawn.samples_of(list_committed(store, units).missing()) + max(wanted - drawn.samples, 0)
    if missing:
        raise UsageError(
            "LAYOUTS_UNFINISHED",
            f"{missing:,} of {wanted:,} samples are not laid out",
            where=store.uri,
            fix=f"{again} and --samples {wanted}",
        )
    return drawn


def _samples_to_paint(order: ComposeRequest) -> int:
    """How many samples the order paints: all of its last unit, which may hold more than are asked for."""
    have = read_extents(open_store(order.out))
    return have.span(have.limit(order.samples) - 1)[1] if order.samples <= have.samples else order.samples


def layouts_source(order: ComposeRequest, extents: Extents, drawn: Extents) -> Layouts:
    """The source of a run that is painted from layouts."""
    return Layouts(extents, open_store(order.layouts).uri, drawn, _columns(laying_out(order.recipe)[0]))
