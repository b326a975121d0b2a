"""The segment and compose jobs without a cluster: the same locks, sources, stages and commits, in this process."""

from engine.backdrops import catalogue
from engine.extents import extend
from engine.library import open_library
from engine.lock import claim
from engine.manifest import write_manifest
from engine.photos import CATALOGUE, list_photos, to_jsonl
from engine.pipeline import Pipeline
from engine.records import Cutout
from engine.sources import Photos
from engine.stage import Run
from engine.store import open_store
from jobs.card import write_card
from jobs.compose import Order, _lock, _pipeline
from jobs.recipes import load
from jobs.run import Budget
from tests.engine.inline import through

SMALL = ("size=128", "unit_size=4", "segment.max_side=128")


def cut(photos, out, *overrides, unit_size=4, recipe="classic", small=SMALL):
    """Cut the photos of a folder out into a library; returns the receipts."""
    recipe, listed, store = load(recipe, [*small, *overrides]), list_photos(photos), open_store(out)
    claim(store, {"data": {}})
    store.create(CATALOGUE, to_jsonl(listed))
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


def compose(library, out, samples, *overrides, backgrounds=(), recipe="classic", small=SMALL):
    """Make compositions from a library; returns the receipts."""
    recipe = load(recipe, [*small, *overrides])
    order = Order(recipe=recipe, photos="", samples=samples, out=out, library=library, budget=Budget(share=1.0))
    store = open_store(out)
    extents = _lock(order, store, open_library(library), tuple(backgrounds) or catalogue())
    pipeline = _pipeline(order, extents)
    pipeline.check()
    receipts = through(pipeline, range(extents.limit(samples)))
    write_card(store, recipe, library)
    write_manifest(store)
    return receipts
