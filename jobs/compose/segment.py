"""`mycanvas segment`: photos in, a library of cut-outs out; each photo is cut out once."""

from __future__ import annotations

from actors.models.licences import check_recipe
from cluster.session import LOCAL, Capacity, check_readable, session
from engine.errors import UsageError
from engine.photos.listing import Photo, fingerprint, list_photos, to_jsonl
from engine.rows.cutout import Cutout
from engine.run.pipeline import Pipeline
from engine.run.recipe import Recipe
from engine.run.sources import Photos
from engine.run.stage import Run
from engine.storage.extents import extend
from engine.storage.lock import PHOTOS, claim
from engine.storage.manifest import write_manifest
from engine.storage.stores import open_store
from jobs.console import Console
from jobs.run_loop import Budget, Tally, make_missing, run_id

UNIT_SIZE = 4  # photos; a photo takes a second, so a unit a few: enough units for every core from a handful of photos
ANY_FAILURES = Budget(share=1.0)


def segment(recipe: Recipe, *, photos: str, out: str, address: str = LOCAL, console: Console) -> Tally:
    """Cut out every photo below `photos` into the library `out`."""
    listed = list_photos(photos)
    check_recipe((recipe.segment,), recipe.accept_licence, here=address == LOCAL)
    with session(address) as capacity:
        if address != LOCAL:
            check_readable(photos, purpose="--photos")
        return build_library(recipe, listed, out, capacity, console)


def build_library(recipe: Recipe, photos: tuple[Photo, ...], out: str, capacity: Capacity, console: Console) -> Tally:
    """Commit what is missing of a library, inside a session."""
    store = open_store(out)
    spec = recipe.segment.model_dump(mode="json", exclude={"timeout_s"})
    claim(store, {"data": {"photos": fingerprint(photos), "segment": spec, "seed": recipe.seed}})
    if not store.create(PHOTOS, to_jsonl(photos)) and store.read(PHOTOS) != to_jsonl(photos):
        raise UsageError("LIBRARY_PHOTOS", "was made from other photos", where=out, fix="give another folder")
    extents = extend(store, len(photos), UNIT_SIZE)
    pipeline = Pipeline(
        record=Cutout,
        run=Run(out=store.uri, library=store.uri, backgrounds="", size=recipe.size, seed=recipe.seed),
        run_id=run_id(),
        source=Photos(extents, recipe.seed, store.uri),
        groups=((recipe.segment,),),
        unit_size=UNIT_SIZE,
    )
    tally = make_missing(
        pipeline,
        (recipe.segment_pool,),
        store=store,
        extents=extents,
        samples=len(photos),
        capacity=capacity,
        budget=ANY_FAILURES,
        console=console,
        label="segment",
    )
    write_manifest(store)
    return tally
