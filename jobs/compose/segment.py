"""`mycanvas segment`: photos in, a library of cut-outs out; each photo is cut out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from actors.models.licences import check_recipe
from cluster.session import LOCAL, ON_THIS_MACHINE, Capacity, check_readable, session
from engine.photos.listing import Photo, list_photos
from engine.photos.photo_log import add_photos, read_photos, write_left_out
from engine.run.recipe import Recipe
from engine.run.stage import Run
from engine.storage.extents import extend
from engine.storage.lock import claim
from engine.storage.manifest import write_manifest
from engine.storage.open_store import open_store
from jobs.compose.phases import phase_work
from jobs.console import Console
from jobs.run_loop import ANY_FAILURES, Tally, make_missing

PHASE = "segment"


def segment(recipe: Recipe, *, photos: str, out: str, address: str = LOCAL, console: Console) -> Tally:
    """Cut out every photo below `photos` into the library `out`."""
    listing = list_telling(photos, console)
    check_recipe(recipe.phase(PHASE).stages, recipe.accept_licence, here=address in ON_THIS_MACHINE)
    with session(address) as capacity:
        if address not in ON_THIS_MACHINE:
            check_readable(photos, purpose="--photos")
        return build_library(recipe, listing, out, capacity, console)


@dataclass(frozen=True, slots=True)
class Listing:
    """The photos below a folder, and what was left out there: paths by reason."""

    photos: tuple[Photo, ...] = ()
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)


def list_telling(uri: str, console: Console) -> Listing:
    """The photos below a folder; what is left out is said, by reason, with an example.

    Raises:
        UsageError: those of `list_photos`.
    """
    left_out: dict[str, list[str]] = {}
    photos = list_photos(uri, lambda path, why: left_out.setdefault(why, []).append(path))
    say_left_out(left_out, console)
    return Listing(photos, left_out)


def say_left_out(left_out: Mapping[str, Sequence[str]], console: Console) -> None:
    """A line for each reason, with an example."""
    for why, paths in sorted(left_out.items()):
        console.say(f"left out {len(paths):,}: {why}   {paths[0]}{', …' if len(paths) > 1 else ''}")


def build_library(recipe: Recipe, listing: Listing, out: str, capacity: Capacity, console: Console) -> Tally:
    """Add photos to a library, inside a session, and commit what is missing of it; what it knows is not cut out again.

    Raises:
        UsageError: PHASE_UNKNOWN, RUN_CHANGED where it was begun with another segmenter.
    """
    store, phase = open_store(out), recipe.phase(PHASE)
    claim(store, {"data": phase.affects_data()})
    add_photos(store, listing.photos)
    write_left_out(store, listing.left_out)
    count = len(read_photos(store))
    extents = extend(store, count, recipe.unit_size_of(phase))
    run = Run(out=store.uri, library=store.uri, size=recipe.size)
    work = phase_work(recipe, phase, run=run, extents=extents, samples=count, budget=ANY_FAILURES)
    tally = make_missing(work, capacity, console)
    write_manifest(store)
    return tally
