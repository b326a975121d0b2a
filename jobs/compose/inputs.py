"""What a composition is made of: found and checked before a worker starts, the library made where it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from actors.compose.scene import Scene
from actors.models.licences import check_recipe, named_models
from actors.models.weights import SHIPPED
from cluster.session import ON_THIS_MACHINE, Capacity, check_readable, session
from engine.compose.backdrops import catalogue as procedural_backgrounds
from engine.errors import UsageError
from engine.photos.backgrounds import DRAWN, OWN, Background, list_backgrounds, read_catalogue, to_jsonl
from engine.photos.cast import castable, is_cast, read_cast
from engine.photos.library import Library, open_library
from engine.photos.listing import Photo
from engine.run.phase import Phase
from engine.run.recipe import Recipe
from engine.storage.commits import data_files
from engine.storage.lock import BACKGROUNDS
from engine.storage.open_store import open_store, require_writable
from engine.storage.store import Store
from engine.toybox import CLASSES
from jobs.compose.backgrounds.find import find_backgrounds, read_indexed
from jobs.compose.backgrounds.own import no_place, own_backgrounds
from jobs.compose.request import ComposeRequest
from jobs.compose.segment import Listing, build_library, list_telling
from jobs.console import Console
from jobs.run_loop import Tally
from planners.capacity.replicas import replicas
from planners.compose.casting import FEWEST, ensembles


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a request is made of, checked and there; None and empty where no stage needs it."""

    capacity: Capacity
    library: Library | None
    backgrounds: tuple[Background, ...]

    def fingerprints(self) -> dict[str, Any]:
        """What a lock says of them."""
        library = {"library": self.library.fingerprint()} if self.library else {}
        places = {item.background_id: item.sha256 for item in self.backgrounds}
        return {**library, **({"backgrounds": places} if places else {})}


@contextmanager
def gather_inputs(request: ComposeRequest, phase: Phase, console: Console) -> Iterator[Inputs]:
    """A session with a cluster, and what the request is made of; nothing is cut out where `phase` could not be run.

    Raises:
        UsageError: all that can be wrong with photos, backgrounds, models and licences; before a worker starts.
        EnvironmentProblem: those of `cluster.session.session`.
    """
    listing = _listed_photos(request, console)
    _require_concepts(request, listing.photos)
    known = _known_backgrounds(request)
    check_recipe(request.recipe.stages, request.recipe.accept_licence, here=request.address in ON_THIS_MACHINE)
    _warn_of_toys(request, listing.photos, console)
    require_writable(open_store(request.out))
    with session(request.address) as capacity:
        _probe(request)
        _require_room(request.recipe, phase, capacity)
        library = _library(request, listing, capacity, console) if request.needs("library") else None
        backgrounds = _found_backgrounds(request, library, capacity, console) if known is None else known
        yield Inputs(capacity=capacity, library=library, backgrounds=backgrounds)


def _require_room(recipe: Recipe, phase: Phase, capacity: Capacity) -> None:
    """Refuse a phase that no placement on the cluster holds.

    Raises:
        EnvironmentProblem, UsageError: those of `planners.capacity.replicas.replicas`.
    """
    if capacity.ray:
        pools = recipe.pools_of(phase)
        replicas(pools, cpus=capacity.cpus, gpus=capacity.gpus, memory_gb=capacity.memory_gb)


def scene_of(recipe: Recipe) -> Scene | None:
    """The stage that casts, if the recipe has one."""
    return next((stage for stage in recipe.stages if isinstance(stage, Scene)), None)


def _listed_photos(request: ComposeRequest, console: Console) -> Listing:
    """The photos that the library is cut out of.

    Raises:
        UsageError: PHOTOS_NONE, and those of `list_photos`.
    """
    if not request.needs("library"):
        return Listing()
    if not request.photos:
        fix = "--photos DIR, with <concept>/<image> below it"
        raise UsageError("PHOTOS_NONE", f"the recipe {request.recipe.name!r} needs photos", where="--photos", fix=fix)
    return list_telling(request.photos, console)


def _require_concepts(request: ComposeRequest, photos: tuple[Photo, ...]) -> None:
    """Refuse photos of one concept before any is cut out; a library may hold more.

    Raises:
        UsageError: TOO_FEW_CONCEPTS.
    """
    if not request.needs("library") or data_files(open_store(request.library_uri)):
        return
    concepts = {photo.concept for photo in photos}
    if len(concepts) < FEWEST:
        raise UsageError(
            "TOO_FEW_CONCEPTS",
            f"a scene needs {FEWEST} concepts, and there are photos of one, {concepts.pop()!r}",
            where=request.photos,
            fix="add photos of another concept, one folder for each",
        )


def _warn_of_toys(request: ComposeRequest, photos: tuple[Photo, ...], console: Console) -> None:
    """Say that models which have seen nothing but made-up toys are asked about other things."""
    strangers = sorted({photo.class_name for photo in photos} - set(CLASSES))
    toys = [each.model for each in named_models(request.recipe.stages) if each.model.startswith(f"{SHIPPED}micro/")]
    if strangers and toys:
        console.say(
            f"warning  {', '.join(toys[:3])} know {len(CLASSES)} classes of made-up toys and no photographs; "
            f"{', '.join(strangers[:5])} will come out wrong. For photos: mycanvas compose photo"
        )


def _known_backgrounds(request: ComposeRequest) -> tuple[Background, ...] | None:
    """The backgrounds that need no worker to be found: procedural ones, all photos, what is locked with the run.

    None where phrases are to find them among indexed photos, and where subjects are to be taken out of one's own.

    Raises:
        UsageError: BACKGROUNDS_NO_INDEX, BACKGROUNDS_OWN, and those of `list_backgrounds`.
    """
    if not request.needs("backgrounds"):
        return ()
    scene, store = scene_of(request.recipe), open_store(request.out)
    if _wants_own(request):
        return _known_own(request, scene, store)
    if scene is None or not scene.phrases:
        drawn = request.backgrounds in ("", DRAWN)
        return procedural_backgrounds() if drawn else list_backgrounds(request.backgrounds)
    if store.exists(BACKGROUNDS):  # the lock holds the phrases: a resume asks no model
        return read_catalogue(store)
    if not request.backgrounds:
        raise UsageError(
            "BACKGROUNDS_NO_INDEX",
            "scene.phrases look for backgrounds, and there are none",
            fix="give --backgrounds, a folder that `mycanvas backgrounds index` has seen",
        )
    read_indexed(request.backgrounds)  # a folder without an index is refused before anything starts
    return None


def _wants_own(request: ComposeRequest) -> bool:
    scene = scene_of(request.recipe)
    return request.backgrounds == OWN or (not request.backgrounds and scene is not None and scene.own_backgrounds)


def _known_own(request: ComposeRequest, scene: Scene | None, store: Store) -> tuple[Background, ...] | None:
    """The emptied photos that a run is locked to, if it is begun; they are not phrases' to find."""
    if (scene and scene.phrases) or not request.needs("library"):
        fix = "leave scene.phrases out, or give a folder of photos"
        raise UsageError("BACKGROUNDS_OWN", "`own` cannot be looked through by phrases", where="--backgrounds", fix=fix)
    return read_catalogue(store) if store.exists(BACKGROUNDS) else None


def _found_backgrounds(
    request: ComposeRequest, library: Library | None, capacity: Capacity, console: Console
) -> tuple[Background, ...]:
    """One's own photos without their subjects, or what the phrases of the recipe find among indexed photos."""
    if library is not None and _wants_own(request):
        own = own_backgrounds(library, capacity, console)
        if not own and request.backgrounds:
            raise no_place(request.library_uri)
        if not own:
            console.say("backgrounds  no photo shows a place that its subject leaves free: drawn ones are taken")
        return own or procedural_backgrounds()
    scene = scene_of(request.recipe)
    assert scene is not None
    return find_backgrounds(
        request.backgrounds,
        scene.phrases,
        count=scene.shortlist,
        diversity=scene.diversity,
        out=request.out,
        capacity=capacity,
        console=console,
    )


def _probe(request: ComposeRequest) -> None:
    """Ask every node of a joined cluster whether it can read what the request names."""
    named = {"photos": request.photos, "backgrounds": request.backgrounds, "layouts": request.layouts}
    for option, uri in named.items() if request.address not in ON_THIS_MACHINE else ():
        if uri not in ("", OWN, DRAWN):
            check_readable(uri, purpose=f"--{option}")


def _library(request: ComposeRequest, listing: Listing, capacity: Capacity, console: Console) -> Library:
    """The library of cut-outs, made first where it is missing.

    Raises:
        UsageError: TOO_FEW_CONCEPTS, and those of `build_library`.
    """
    tally = build_library(request.recipe, listing, request.library_uri, capacity, console)
    every, scene, store = open_library(request.library_uri), scene_of(request.recipe), open_store(request.out)
    places = [store, *([open_store(request.layouts)] if request.layouts else [])]
    begun = next((place for place in places if is_cast(place)), None)
    library = read_cast(begun, every.store) if begun else castable(every, scene.min_quality if scene else 0.0)
    console.say(_library_line(len(listing.photos), tally, every, library, locked=begun is not None))
    ensembles(library.cutouts, scene.together if scene else ())  # enough concepts, or an error
    return library


def _library_line(photos: int, tally: Tally, every: Library, library: Library, *, locked: bool) -> str:
    """What became of the photos, in one line."""
    more = len(every.cutouts.keys() - library.cutouts.keys())
    why = "more in the library, which another --out takes" if locked else "of low quality or excluded"
    counts = ((len(library.cutouts), "cut-outs"), (tally.rejected, "cut off by their photo"), (tally.failed, "failed"))
    made = ", ".join(f"{count} {what}" for count, what in counts if count or what == "cut-outs")
    rest = f"; {more} {why}" if more else ""
    return f"library {photos} photos, {made}{rest}   {every.store.uri}"


def lock_backgrounds(store: Store, backgrounds: tuple[Background, ...]) -> None:
    """Write down the backgrounds beside the lock, where workers read them.

    Raises:
        UsageError: RUN_CHANGED where others are written there.
    """
    content = to_jsonl(backgrounds)
    if backgrounds and not store.create(BACKGROUNDS, content) and store.read(BACKGROUNDS) != content:
        raise UsageError(
            "RUN_CHANGED",
            "the backgrounds differ",
            where=store.uri,
            fix="give the same --backgrounds, or another --out",
        )
