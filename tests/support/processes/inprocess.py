"""The segment and compose jobs without a cluster: the same locks, sources, stages and commits, in this process."""

from cluster.session import Capacity
from engine.compose.backdrops import catalogue
from engine.photos.cast import castable
from engine.photos.library import open_library
from engine.photos.listing import list_photos
from engine.photos.photo_log import add_photos
from engine.run.pipeline import Pipeline
from engine.run.stage import Run
from engine.storage.extents import extend
from engine.storage.lock import claim
from engine.storage.manifest import write_manifest
from engine.storage.open_store import open_store
from jobs.compose.backgrounds.of_request import scene_of
from jobs.compose.compose import compose_work, lock_run
from jobs.compose.inputs import Inputs
from jobs.compose.layout import check_layouts, layout_work, lock_layouts
from jobs.compose.phases import phase_work
from jobs.compose.recipes import load
from jobs.compose.request import ComposeRequest
from jobs.report.dataset_card import write_card
from jobs.run_loop import ANY_FAILURES
from tests.support.processes.inline import through

SMALL = ("size=128", "unit_size=4", "segment.max_side=128")


def cut(photos, out, *overrides, unit_size=4, recipe="classic", small=SMALL):
    """Cut the photos of a folder out into a library; returns the receipts."""
    recipe = load(recipe, [*small, *overrides, f"phases.segment.unit_size={unit_size}"])
    listed, store, phase = list_photos(photos), open_store(out), recipe.phase("segment")
    claim(store, {"data": {}})
    add_photos(store, listed)
    extents = extend(store, len(listed), unit_size)
    run = Run(out=out, library=out, size=recipe.size)
    work = phase_work(recipe, phase, run=run, extents=extents, samples=len(listed), budget=ANY_FAILURES)
    receipts = through(pipeline_of(work), range(extents.units))
    write_manifest(store)
    return receipts


def compose(library, out, samples, *overrides, backgrounds=(), recipe="classic", small=SMALL, layouts=""):
    """Make compositions from a library; returns the receipts."""
    request = requested(library, out, samples, overrides, recipe=recipe, small=small, layouts=layouts)
    ready = inputs(request, backgrounds)
    drawn = check_layouts(request, ready) if layouts else None
    extents = lock_run(request, ready)
    receipts = through(pipeline_of(compose_work(request, extents, drawn)), range(extents.limit(samples)))
    write_card(open_store(out))
    return receipts


def lay_out(library, out, samples, *overrides, backgrounds=(), recipe="classic", small=SMALL):
    """Make layouts from a library; returns the receipts."""
    request = requested(library, out, samples, overrides, recipe=recipe, small=small)
    extents = lock_layouts(request, inputs(request, backgrounds))
    receipts = through(pipeline_of(layout_work(request, extents)), range(extents.limit(samples)))
    write_manifest(open_store(out))
    return receipts


def pipeline_of(work) -> Pipeline:
    """The pipeline that a work streams."""
    return work.make.args[0]


def requested(library, out, samples, overrides, *, recipe, small, layouts=""):
    """A request without photos, since its library is there."""
    chosen = load(recipe, [*small, *overrides])
    return ComposeRequest(
        recipe=chosen, samples=samples, out=out, library=library, layouts=layouts, budget=ANY_FAILURES
    )


def inputs(request, backgrounds):
    """What the request is made of, without a cluster."""
    scene = scene_of(request.recipe)
    return Inputs(
        capacity=Capacity(cpus=1, gpus=0, memory_gb=4, nodes=1),
        library=castable(open_library(request.library), scene.min_quality if scene else 0.0),
        backgrounds=tuple(backgrounds) or catalogue(),
    )
