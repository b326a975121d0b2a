"""The backgrounds that a request is composed before: drawn, a folder, one's own photos, or what phrases find."""

from __future__ import annotations

from actors.compose.scene import Scene
from cluster.session import Capacity
from engine.compose.backdrops import catalogue as procedural_backgrounds
from engine.errors import UsageError
from engine.photos.backgrounds import DRAWN, OWN, Background, list_backgrounds, read_catalogue
from engine.photos.library import Library
from engine.run.recipe import Recipe
from engine.storage.lock import BACKGROUNDS
from engine.storage.open_store import open_store
from engine.storage.store import Store
from jobs.compose.backgrounds.find import find_backgrounds, read_indexed
from jobs.compose.backgrounds.own import no_place, own_backgrounds
from jobs.compose.request import ComposeRequest
from jobs.console import Console


def scene_of(recipe: Recipe) -> Scene | None:
    """The stage that casts, if the recipe has one."""
    return next((stage for stage in recipe.stages if isinstance(stage, Scene)), None)


def known_backgrounds(request: ComposeRequest) -> tuple[Background, ...] | None:
    """The backgrounds that need no worker to be found: procedural ones, all photos, what is locked with the run.

    None where phrases are to find them among indexed photos, and where subjects are to be taken out of one's own.

    Raises:
        UsageError: BACKGROUNDS_NO_INDEX, BACKGROUNDS_OWN, and those of `list_backgrounds`.
    """
    if not request.needs("backgrounds"):
        return ()
    scene, store = scene_of(request.recipe), open_store(request.out)
    if wants_own(request):
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


def wants_own(request: ComposeRequest) -> bool:
    """Whether one's own photos are wanted: as the request says, or where it says nothing, the recipe."""
    scene = scene_of(request.recipe)
    return request.backgrounds == OWN or (not request.backgrounds and scene is not None and scene.own_backgrounds)


def _known_own(request: ComposeRequest, scene: Scene | None, store: Store) -> tuple[Background, ...] | None:
    """The emptied photos that a run is locked to, if it is begun; they are not phrases' to find."""
    if (scene and scene.phrases) or not request.needs("library"):
        fix = "leave scene.phrases out, or give a folder of photos"
        raise UsageError("BACKGROUNDS_OWN", "`own` cannot be looked through by phrases", where="--backgrounds", fix=fix)
    return read_catalogue(store) if store.exists(BACKGROUNDS) else None


def find_request_backgrounds(
    request: ComposeRequest, library: Library | None, capacity: Capacity, console: Console
) -> tuple[Background, ...]:
    """One's own photos without their subjects, or what the phrases of the recipe find among indexed photos."""
    if library is not None and wants_own(request):
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
