"""What a composition is made of: found and checked before a worker starts, the library made where it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from actors.models.licences import check_recipe, named_models
from actors.models.weights import SHIPPED
from actors.score.scorers import Judged
from cluster.session import ON_THIS_MACHINE, Capacity, check_readable, session
from engine.errors import UsageError
from engine.photos.backgrounds import DRAWN, OWN, Background, to_jsonl
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
from jobs.compose.backgrounds.of_request import find_request_backgrounds, known_backgrounds, scene_of
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
    known = known_backgrounds(request)
    check_recipe(request.recipe.stages, request.recipe.accept_licence, here=request.address in ON_THIS_MACHINE)
    _warn_of_toys(request, listing.photos, console)
    require_writable(open_store(request.out))
    with session(request.address) as capacity:
        _probe(request)
        _require_room(request.recipe, phase, capacity)
        library = _library(request, listing, capacity, console) if request.needs("library") else None
        backgrounds = find_request_backgrounds(request, library, capacity, console) if known is None else known
        yield Inputs(capacity=capacity, library=library, backgrounds=backgrounds)


def _require_room(recipe: Recipe, phase: Phase, capacity: Capacity) -> None:
    """Refuse a phase that no placement on the cluster holds.

    Raises:
        EnvironmentProblem, UsageError: those of `planners.capacity.replicas.replicas`.
    """
    if capacity.ray:
        pools = recipe.pools_of(phase)
        replicas(pools, cpus=capacity.cpus, gpus=capacity.gpus, memory_gb=capacity.memory_gb)


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
    _warn_of_single_photos(request.recipe, library, console)
    ensembles(library.cutouts, scene.together if scene else ())  # enough concepts, or an error
    return library


def _warn_of_single_photos(recipe: Recipe, library: Library, console: Console) -> None:
    """Say why scores will be null: what is pasted is compared with other photos of its concept."""
    if not any(isinstance(stage, Judged) and (stage.clip or stage.identity) for stage in recipe.stages):
        return
    photos: dict[str, set[str]] = {}
    for cutout in library.cutouts.values():
        photos.setdefault(cutout.concept, set()).add(cutout.source_sha256)
    single = sorted(concept for concept, own in photos.items() if len(own) == 1)
    if single:
        shown = f"{', '.join(single[:5])}{', …' if len(single) > 5 else ''}"
        console.say(
            f"warning  identity and cp_clip stay null with {len(single):,} concepts of one usable photo: {shown}"
        )


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
