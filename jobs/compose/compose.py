"""`mycanvas compose`: concept photos in, committed shards of composed, captioned, scored images out.

Read it top to bottom: everything that can be wrong is found before a worker starts; running it again is the resume.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from engine.photos.cast import lock_cast
from engine.storage.extents import Extents, extend
from engine.storage.lock import claim
from engine.storage.open_store import open_store
from jobs.compose.choose_rows import choose_of_run, selection_of_recipe
from jobs.compose.inputs import Inputs, gather_inputs, lock_backgrounds
from jobs.compose.layout import check_layouts, layouts_source
from jobs.compose.phases import phase_work
from jobs.compose.request import ComposeRequest
from jobs.console import Console
from jobs.report.dataset_card import write_card
from jobs.run_loop import Tally, Work, make_missing

PHASE = "compose"
LIBRARIES = ("ray", "pyarrow", "numpy", "pillow", "opencv-python-headless")


def compose(request: ComposeRequest, console: Console) -> Tally:
    """Carry out a request; returns the rows made by this call."""
    selection = selection_of_recipe(request.recipe, request.out)
    phase = request.recipe.phase(PHASE) if request.layouts else request.whole
    with gather_inputs(request, phase, console) as inputs:
        drawn = check_layouts(request, inputs) if request.layouts else None
        extents = lock_run(request, inputs)
        tally = make_missing(compose_work(request, extents, drawn), inputs.capacity, console)
    write_card(open_store(request.out))
    if selection:
        choose_of_run(request.out, selection, console)
    return tally


def lock_run(request: ComposeRequest, inputs: Inputs) -> Extents:
    """Claim the output for this recipe and these inputs, or refuse with the difference."""
    store, recipe = open_store(request.out), request.recipe
    if inputs.library:
        lock_cast(store, inputs.library)
    claim(
        store,
        {
            "data": {"recipe": recipe.affects_data(request.whole), **inputs.fingerprints()},
            "recipe": recipe.name,
            "versions": _versions(),
        },
    )
    lock_backgrounds(store, inputs.backgrounds)
    return extend(store, request.samples, recipe.unit_size_of(request.whole))


def compose_work(request: ComposeRequest, extents: Extents, drawn: Extents | None) -> Work:
    """What is missing of the output; `drawn` are the extents of the layouts, where it is painted from some."""
    phase = request.recipe.phase(PHASE) if drawn else request.whole
    return phase_work(
        request.recipe,
        phase,
        run=request.run(),
        extents=extents,
        samples=request.samples,
        budget=request.budget,
        source=layouts_source(request, extents, drawn) if drawn else None,
    )


def _versions() -> Mapping[str, Any]:
    return {name: importlib.metadata.version(name) for name in LIBRARIES}
