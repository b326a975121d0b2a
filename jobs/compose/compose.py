"""`mycanvas compose`: concept photos in, committed shards of composed, captioned, scored images out.

Read it top to bottom: everything that can be wrong is found before a worker starts; running it again is the resume.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from engine.rows.composition import Composition
from engine.run.phases import from_layouts
from engine.run.pipeline import Pipeline, Source
from engine.run.recipe import Pool
from engine.run.sources import Samples
from engine.run.stage import Stage
from engine.storage.extents import Extents, extend
from engine.storage.lock import claim
from engine.storage.store import Store
from engine.storage.stores import open_store
from jobs.compose.choose import choose_of_run, selection_of_recipe
from jobs.compose.layout import check_layouts, layouts_source
from jobs.compose.order import ComposeRequest, Materials, keep_backgrounds, materials, run_of
from jobs.console import Console
from jobs.report.card import write_card
from jobs.run_loop import Tally, make_missing, run_id

LIBRARIES = ("ray", "pyarrow", "numpy", "pillow", "opencv-python-headless")


def compose(order: ComposeRequest, console: Console) -> Tally:
    """Carry out an order; returns the rows made by this call."""
    store, wanted = open_store(order.out), selection_of_recipe(order.recipe, order.out)
    with materials(order, console) as made_of:
        drawn = check_layouts(order, made_of) if order.layouts else None
        extents = lock(order, store, made_of)
        tally = make_missing(
            compose_pipeline(order, extents, drawn),
            phases(order)[1],
            store=store,
            extents=extents,
            samples=order.samples,
            capacity=made_of.capacity,
            budget=order.budget,
            console=console,
            label="compose",
        )
    write_card(store)
    if wanted:
        choose_of_run(order.out, wanted, console)
    return tally


def lock(order: ComposeRequest, store: Store, made_of: Materials) -> Extents:
    """Claim the output for this recipe and these inputs, or refuse with the difference."""
    claim(
        store,
        {
            "data": {"recipe": order.recipe.affects_data(), **made_of.fingerprints()},
            "recipe": order.recipe.name,
            "versions": _versions(),
        },
    )
    keep_backgrounds(store, made_of.backgrounds)
    return extend(store, order.samples, order.recipe.unit_size)


def phases(order: ComposeRequest) -> tuple[list[tuple[Stage, ...]], tuple[Pool, ...]]:
    """The groups of stages that the order still needs, and their pools."""
    if order.layouts:
        return from_layouts(order.recipe)
    return order.recipe.groups(), order.recipe.pools


def compose_pipeline(order: ComposeRequest, extents: Extents, drawn: Extents | None) -> Pipeline:
    """All that a worker needs to know; `drawn` are the extents of the layouts, where it paints from some."""
    recipe = order.recipe
    source: Source = layouts_source(order, extents, drawn) if drawn else Samples(extents, recipe.seed)
    return Pipeline(
        record=Composition,
        run=run_of(order),
        run_id=run_id(),
        source=source,
        groups=tuple(phases(order)[0]),
        unit_size=recipe.unit_size,
    )


def _versions() -> Mapping[str, Any]:
    return {name: importlib.metadata.version(name) for name in LIBRARIES}
