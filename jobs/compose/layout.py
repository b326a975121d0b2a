"""`mycanvas layout`: who appears, before what, and where everything stands, for a run that is painted later.

The language model has every card to itself while it answers, and is gone when painting begins; a painting that is
resumed never asks it again.
"""

from __future__ import annotations

from engine.errors import UsageError
from engine.photos.cast import lock_cast
from engine.run.sources import PLANNED, PhaseRows
from engine.storage.commits import list_committed
from engine.storage.extents import Extents, extend, read_extents
from engine.storage.lock import LOCK, claim
from engine.storage.manifest import write_manifest
from engine.storage.open_store import open_store
from jobs.compose.inputs import Inputs, gather_inputs, lock_backgrounds
from jobs.compose.phases import origin_of, phase_work
from jobs.compose.request import ComposeRequest
from jobs.console import Console
from jobs.run_loop import Tally, Work, make_missing

PHASE = "layout"


def layout(request: ComposeRequest, console: Console) -> Tally:
    """Lay out what is missing of a request; returns the rows made by this call."""
    with gather_inputs(request, request.recipe.phase(PHASE), console) as inputs:
        extents = lock_layouts(request, inputs)
        tally = make_missing(layout_work(request, extents), inputs.capacity, console)
    write_manifest(open_store(request.out))
    return tally


def layout_work(request: ComposeRequest, extents: Extents) -> Work:
    """What is missing of the layouts; their shards hold what the stages of the phase write."""
    recipe = request.recipe
    return phase_work(
        recipe, recipe.phase(PHASE), run=request.run(), extents=extents, samples=request.samples, budget=request.budget
    )


def lock_layouts(request: ComposeRequest, inputs: Inputs) -> Extents:
    """Claim the output for these layouts, or refuse with the difference."""
    store, recipe = open_store(request.out), request.recipe
    if inputs.library:
        lock_cast(store, inputs.library)
    claim(store, lock_content(request, inputs))
    lock_backgrounds(store, inputs.backgrounds)
    return extend(store, request.samples, recipe.unit_size_of(recipe.phase(PHASE)))


def lock_content(request: ComposeRequest, inputs: Inputs) -> dict[str, object]:
    """What layouts and the run that is painted from them must agree on."""
    recipe = request.recipe
    stages = recipe.phase(PHASE).affects_data()
    return {"data": {"seed": recipe.seed, "stages": stages, **inputs.fingerprints()}, "recipe": recipe.name}


def check_layouts(request: ComposeRequest, inputs: Inputs) -> Extents:
    """The extents of the layouts that a request is painted from; nothing is written before all of them are there.

    Raises:
        UsageError: LAYOUTS_MISSING, LAYOUTS_UNFINISHED, and RUN_CHANGED where they were made by or of something else.
    """
    store = open_store(request.layouts)
    again = "mycanvas layout with the same recipe, photos and seed"
    if not store.exists(LOCK):
        raise UsageError("LAYOUTS_MISSING", "there are no layouts", where=store.uri, fix=f"make them: {again}")
    claim(store, lock_content(request, inputs))
    drawn, wanted = read_extents(store), _samples_to_paint(request)
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


def _samples_to_paint(request: ComposeRequest) -> int:
    """How many samples are painted: all of the last unit, which may hold more than are asked for."""
    have = read_extents(open_store(request.out))
    return have.span(have.limit(request.samples) - 1)[1] if request.samples <= have.samples else request.samples


def layouts_source(request: ComposeRequest, extents: Extents, drawn: Extents) -> PhaseRows:
    """The source of a run that is painted from layouts."""
    recipe = request.recipe
    origin = origin_of(recipe, request.whole, request.run(), extents)
    columns = (*PLANNED, *recipe.phase(PHASE).columns())
    return PhaseRows(origin, open_store(request.layouts).uri, drawn, columns)
