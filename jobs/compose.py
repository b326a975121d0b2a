"""`mycanvas compose`: concept photos in, committed shards of composed, captioned, scored images out.

Read it top to bottom: everything that can be wrong is found before a worker starts; running it again is the resume.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actors.models import check_licences
from actors.preflight import check_models
from cluster.session import LOCAL, Capacity, check_readable, session
from engine.backdrops import catalogue as procedural_backgrounds
from engine.backgrounds import CATALOGUE, Background, photographed, to_jsonl
from engine.errors import UsageError
from engine.extents import Extents, extend
from engine.library import Library, open_library
from engine.lock import claim
from engine.manifest import write_manifest
from engine.photos import Photo, list_photos
from engine.pipeline import Pipeline
from engine.recipe import Recipe
from engine.records import Composition
from engine.sources import Samples
from engine.stage import Run
from engine.store import Store, open_store
from jobs.card import write_card
from jobs.console import Console
from jobs.run import Budget, Tally, make_missing, run_id
from jobs.segment import build_library
from planners.scenes import ensembles

LIBRARIES = ("ray", "pyarrow", "numpy", "pillow", "opencv-python-headless")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the user asked for."""

    recipe: Recipe
    photos: str
    samples: int
    out: str
    library: str = ""
    backgrounds: str = ""
    address: str = LOCAL
    budget: Budget


def compose(order: Order, console: Console) -> Tally:
    """Carry out an order; returns the rows made by this call."""
    photos = list_photos(order.photos)
    backgrounds = photographed(order.backgrounds) if order.backgrounds else procedural_backgrounds()
    store = open_store(order.out)
    specs = (order.recipe.segment, *order.recipe.stages)
    check_models(specs, here=order.address == LOCAL)
    check_licences(specs, order.recipe.accept_licence)
    with session(order.address) as capacity:
        if order.address != LOCAL:
            check_readable(order.photos, purpose="--photos")
            check_readable(order.backgrounds or order.photos, purpose="--backgrounds")
        library = _library(order, photos, capacity, console)
        extents = _lock(order, store, library, backgrounds)
        tally = make_missing(
            _pipeline(order, extents),
            order.recipe.pools,
            store=store,
            extents=extents,
            samples=order.samples,
            capacity=capacity,
            budget=order.budget,
            console=console,
            label="compose",
        )
    write_card(store, order.recipe, library_uri(order))
    write_manifest(store)
    return tally


def library_uri(order: Order) -> str:
    """Where the order's cut-outs are; absolute, as the output's, since a worker runs in a folder of its own."""
    return open_store(order.library or f"{open_store(order.out).uri}/library").uri


def _library(order: Order, photos: tuple[Photo, ...], capacity: Capacity, console: Console) -> Library:
    """The library of cut-outs, made first where it is missing, and known to hold enough concepts."""
    made = build_library(order.recipe, photos, library_uri(order), capacity, console)
    if made.rows:
        console.say(
            f"library {made.accepted} cut-outs, {made.rejected} rejected, {made.failed} failed   {library_uri(order)}"
        )
    library = open_library(library_uri(order))
    ensembles(library.cutouts)
    return library


def _lock(order: Order, store: Store, library: Library, backgrounds: tuple[Background, ...]) -> Extents:
    """Claim the output for this recipe and these inputs, or refuse with the difference."""
    claim(
        store,
        {
            "data": {
                "recipe": order.recipe.affects_data(),
                "library": library.fingerprint(),
                "backgrounds": {item.background_id: item.sha256 for item in backgrounds},
            },
            "recipe": order.recipe.name,
            "versions": _versions(),
        },
    )
    content = to_jsonl(backgrounds)
    if not store.create(CATALOGUE, content) and store.read(CATALOGUE) != content:
        raise UsageError(
            "RUN_CHANGED",
            "the backgrounds differ",
            where=store.uri,
            fix="give the same --backgrounds, or another --out",
        )
    return extend(store, order.samples, order.recipe.unit_size)


def _pipeline(order: Order, extents: Extents) -> Pipeline:
    recipe = order.recipe
    return Pipeline(
        record=Composition,
        run=Run(
            out=open_store(order.out).uri,
            library=library_uri(order),
            backgrounds=order.backgrounds,
            size=recipe.size,
            seed=recipe.seed,
        ),
        run_id=run_id(),
        source=Samples(extents, recipe.seed),
        groups=tuple(recipe.groups()),
        unit_size=recipe.unit_size,
    )


def _versions() -> Mapping[str, Any]:
    return {name: importlib.metadata.version(name) for name in LIBRARIES}
