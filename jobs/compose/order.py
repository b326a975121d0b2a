"""What is asked of `compose` and `layout`, and what both do before a worker starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from actors.compose.scene import Scene
from actors.models.licences import check_recipe
from cluster.session import LOCAL, Capacity, check_readable, session
from engine.compose.backdrops import catalogue as procedural_backgrounds
from engine.errors import UsageError
from engine.photos.backgrounds import Background, list_backgrounds, read_catalogue, to_jsonl
from engine.photos.library import Library, open_library
from engine.photos.listing import list_photos
from engine.run.recipe import Recipe
from engine.run.stage import Run
from engine.storage.lock import BACKGROUNDS
from engine.storage.store import Store
from engine.storage.stores import open_store
from jobs.compose.backgrounds import find_backgrounds
from jobs.compose.segment import build_library
from jobs.console import Console
from jobs.run_loop import Budget
from planners.compose.scenes import ensembles


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeRequest:
    """What the user asked for."""

    recipe: Recipe
    photos: str
    samples: int
    out: str
    library: str = ""
    backgrounds: str = ""
    layouts: str = ""
    address: str = LOCAL
    budget: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """What an order is made of, checked and there."""

    capacity: Capacity
    library: Library
    backgrounds: tuple[Background, ...]

    def fingerprints(self) -> dict[str, Any]:
        """What a lock says of them."""
        return {
            "library": self.library.fingerprint(),
            "backgrounds": {item.background_id: item.sha256 for item in self.backgrounds},
        }


@contextmanager
def materials(order: ComposeRequest, console: Console) -> Iterator[Materials]:
    """A session with a cluster and what the order needs; the library is made first where it is missing.

    Raises:
        UsageError: all that can be wrong with photos, backgrounds, models and licences; before a worker starts.
        EnvironmentProblem: those of `cluster.session.session`.
    """
    photos = list_photos(order.photos)
    backgrounds = _backgrounds(order)
    specs = (order.recipe.segment, *order.recipe.stages)
    check_recipe(specs, order.recipe.accept_licence, here=order.address == LOCAL)
    with session(order.address) as capacity:
        if order.address != LOCAL:
            for purpose, uri in (
                ("photos", order.photos),
                ("backgrounds", order.backgrounds),
                ("layouts", order.layouts),
            ):
                if uri:
                    check_readable(uri, purpose=f"--{purpose}")
        made = build_library(order.recipe, photos, library_uri(order), capacity, console)
        if made.rows:
            counts = f"{made.accepted} cut-outs, {made.rejected} rejected, {made.failed} failed"
            console.say(f"library {counts}   {library_uri(order)}")
        library, scene = open_library(library_uri(order)), _scene(order.recipe)
        ensembles(library.cutouts, scene.together if scene else ())  # enough concepts, or an error
        yield Materials(capacity=capacity, library=library, backgrounds=backgrounds)


def _scene(recipe: Recipe) -> Scene | None:
    return next((stage for stage in recipe.stages if isinstance(stage, Scene)), None)


def _backgrounds(order: ComposeRequest) -> tuple[Background, ...]:
    """The procedural ones, all photos, or those that phrases call for: then what is locked with the run stays."""
    scene, store = _scene(order.recipe), open_store(order.out)
    if scene is None or not scene.phrases:
        return list_backgrounds(order.backgrounds) if order.backgrounds else procedural_backgrounds()
    if store.exists(BACKGROUNDS):  # the lock holds the phrases: a resume needs no model here
        return read_catalogue(store)
    if not order.backgrounds:
        raise UsageError(
            "BACKGROUNDS_NO_INDEX",
            "scene.phrases look for backgrounds, and there are none",
            fix="give --backgrounds, a folder that `mycanvas backgrounds index` has seen",
        )
    return find_backgrounds(order.backgrounds, scene.phrases, count=scene.shortlist, diversity=scene.diversity)


def library_uri(order: ComposeRequest) -> str:
    """Where the order's cut-outs are; absolute, as the output's, since a worker runs in a folder of its own."""
    return open_store(order.library or f"{open_store(order.out).uri}/library").uri


def keep_backgrounds(store: Store, backgrounds: tuple[Background, ...]) -> None:
    """Write down the backgrounds beside the lock, where workers read them.

    Raises:
        UsageError: RUN_CHANGED where others are written there.
    """
    content = to_jsonl(backgrounds)
    if not store.create(BACKGROUNDS, content) and store.read(BACKGROUNDS) != content:
        raise UsageError(
            "RUN_CHANGED",
            "the backgrounds differ",
            where=store.uri,
            fix="give the same --backgrounds, or another --out",
        )


def run_of(order: ComposeRequest) -> Run:
    """What every worker of the order's run shares."""
    recipe = order.recipe
    return Run(
        out=open_store(order.out).uri,
        library=library_uri(order),
        backgrounds=order.backgrounds,
        size=recipe.size,
        seed=recipe.seed,
    )
