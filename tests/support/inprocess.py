"""The segment and compose jobs without a cluster: the same locks, sources, stages and commits, in this process."""

from cluster.session import Capacity
from engine.compose.backdrops import catalogue
from engine.photos.library import open_library
from engine.photos.listing import list_photos, to_jsonl
from engine.rows.cutout import Cutout
from engine.run.pipeline import Pipeline
from engine.run.sources import Photos
from engine.run.stage import Run
from engine.storage.extents import extend
from engine.storage.lock import PHOTOS, claim
from engine.storage.manifest import write_manifest
from engine.storage.stores import open_store
from jobs.compose.compose import compose_pipeline, lock
from jobs.compose.layout import _lock as lock_layouts
from jobs.compose.layout import check_layouts, layout_pipeline
from jobs.compose.order import ComposeRequest, Materials
from jobs.compose.recipes import load
from jobs.report.card import write_card
from jobs.run_loop import Budget
from tests.support.inline import through

SMALL = ("size=128", "unit_size=4", "segment.max_side=128")


def cut(photos, out, *overrides, unit_size=4, recipe="classic", small=SMALL):
    """Cut the photos of a folder out into a library; returns the receipts."""
    recipe, listed, store = load(recipe, [*small, *overrides]), list_photos(photos), open_store(out)
    claim(store, {"data": {}})
    store.create(PHOTOS, to_jsonl(listed))
    extents = extend(store, len(listed), unit_size)
    pipeline = Pipeline(
        record=Cutout,
        run=Run(out=out, library=out, backgrounds="", size=recipe.size, seed=recipe.seed),
        run_id="test",
        source=Photos(extents, recipe.seed, out),
        groups=((recipe.segment,),),
        unit_size=unit_size,
    )
    pipeline.check()
    receipts = through(pipeline, range(extents.units))
    write_manifest(store)
    return receipts


def compose(library, out, samples, *overrides, backgrounds=(), recipe="classic", small=SMALL, layouts=""):
    """Make compositions from a library; returns the receipts."""
    order = ordered(library, out, samples, overrides, recipe=recipe, small=small, layouts=layouts)
    made_of, store = made(order, backgrounds), open_store(out)
    drawn = check_layouts(order, made_of) if layouts else None
    extents = lock(order, store, made_of)
    pipeline = compose_pipeline(order, extents, drawn)
    pipeline.check()
    receipts = through(pipeline, range(extents.limit(samples)))
    write_card(store)
    return receipts


def lay_out(library, out, samples, *overrides, backgrounds=(), recipe="classic", small=SMALL):
    """Make layouts from a library; returns the receipts."""
    order = ordered(library, out, samples, overrides, recipe=recipe, small=small)
    store = open_store(out)
    extents = lock_layouts(order, store, made(order, backgrounds))
    pipeline = layout_pipeline(order, extents)
    pipeline.check()
    receipts = through(pipeline, range(extents.limit(samples)))
    write_manifest(store)
    return receipts


def ordered(library, out, samples, overrides, *, recipe, small, layouts=""):
    """An order without photos, since its library is there."""
    chosen = load(recipe, [*small, *overrides])
    return ComposeRequest(
        recipe=chosen, photos="", samples=samples, out=out, library=library, layouts=layouts, budget=Budget(share=1.0)
    )


def made(order, backgrounds):
    """What the order is made of, without a cluster."""
    return Materials(
        capacity=Capacity(cpus=1, gpus=0, memory_gb=4, nodes=1),
        library=open_library(order.library),
        backgrounds=tuple(backgrounds) or catalogue(),
    )
