"""Procedural backdrops: places that need no photo, painted from a name and a seed, the same on every machine.

Each has a horizon above `ground_line` and a ground in perspective below it, lit from the side that `sun(seed)` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from engine.compose.scenery import indoors, outdoors
from engine.compose.scenery.frames import Frame, Scene
from engine.compose.scenery.textures import Field, blur
from engine.errors import UsageError
from engine.photos.backgrounds import Background
from engine.rows.values import Pixels
from engine.seeds import rng

LICENSE = "CC0-1.0"
PREFIX = "procedural:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """One procedural place: `phrase` completes "a dog and a cup ...", its ground begins at `ground_line`, 0..1."""

    name: str
    phrase: str
    ground_line: float
    paint: Scene
    vignette: float = 0.16


def sun(seed: int) -> float:
    """The side that light comes from in a backdrop of this seed: -1 (left) .. 1 (right), never near 0."""
    draw = rng(seed, "backdrop", "sun")
    return float(draw.choice([-1.0, 1.0]) * draw.uniform(0.45, 1.0))


def render(name: str, seed: int, size: int) -> Pixels:
    """The backdrop `name`, `size` x `size` x 3, RGB.

    Raises:
        UsageError: BACKDROP_UNKNOWN.
    """
    if name not in BACKDROPS:
        raise UsageError(
            "BACKDROP_UNKNOWN", f"no backdrop is called {name!r}", fix=f"there are: {', '.join(BACKDROPS)}"
        )
    backdrop = BACKDROPS[name]
    frame = Frame(size, round(backdrop.ground_line * size), sun(seed), rng(seed, "backdrop", name))
    horizon, ground = backdrop.paint(frame)
    picture = np.concatenate([horizon, _focus(ground)])
    return _develop(picture, frame, backdrop.vignette)


def catalogue() -> tuple[Background, ...]:
    """Every procedural backdrop as an entry of the background catalogue."""
    return tuple(
        Background(
            background_id=PREFIX + item.name,
            scene=item.name,
            phrase=item.phrase,
            ground_line=item.ground_line,
            license=LICENSE,
        )
        for item in BACKDROPS.values()
    )


def _focus(ground: Field) -> Field:
    """Sharp where objects stand, softer at the far edge and a little at the very front."""
    rows, size = ground.shape[:2]
    down = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    soft = blur(ground, size / 200)
    return np.asarray(
        ground + (soft - ground) * np.clip(np.maximum(1 - down * 3.2, (down - 0.85) * 3), 0, 0.85), np.float32
    )


def _develop(picture: Field, frame: Frame, vignette: float) -> Pixels:
    """Light falling off from the sun's side, vignette, a slightly different film each time, grain."""
    across = np.linspace(-1, 1, frame.size, dtype=np.float32)
    radius = across[None, :] ** 2 + across[:, None] ** 2
    light = (1 + 0.05 * frame.sun * across[None, :]) * (1 - vignette * 0.5 * radius)
    film = frame.rng.uniform(0.95, 1.06) * (1 + frame.rng.uniform(-0.025, 0.025, 3) * (1, 0, -1))
    grain = np.float32(1.6) * frame.rng.standard_normal((frame.size, frame.size), np.float32)
    developed = picture * light[..., None] * film.astype(np.float32) + grain[..., None]
    return np.asarray(np.clip(developed + 0.5, 0, 255), np.uint8)


_ALL = (
    Backdrop(name="beach", phrase="on a sandy beach", ground_line=0.46, paint=outdoors.beach),
    Backdrop(name="meadow", phrase="in a green meadow", ground_line=0.48, paint=outdoors.meadow),
    Backdrop(name="snow", phrase="in the snow", ground_line=0.46, paint=outdoors.snow),
    Backdrop(name="table", phrase="on a wooden table", ground_line=0.42, paint=indoors.table),
    Backdrop(
        name="pavement", phrase="on the pavement in front of a brick wall", ground_line=0.5, paint=outdoors.pavement
    ),
    Backdrop(name="street", phrase="on a cobblestone street", ground_line=0.44, paint=outdoors.street),
    Backdrop(name="desert", phrase="in the desert", ground_line=0.46, paint=outdoors.desert),
    Backdrop(name="forest", phrase="on the forest floor", ground_line=0.44, paint=outdoors.forest),
    Backdrop(name="park", phrase="in a park in autumn", ground_line=0.45, paint=outdoors.park),
    Backdrop(name="terrace", phrase="on a stone terrace", ground_line=0.45, paint=outdoors.terrace),
    Backdrop(name="studio", phrase="in a photo studio", ground_line=0.5, paint=indoors.studio, vignette=0.1),
    Backdrop(name="living_room", phrase="on the floor of a living room", ground_line=0.45, paint=indoors.living_room),
    Backdrop(name="night", phrase="in a field at night", ground_line=0.5, paint=outdoors.night),
    Backdrop(name="kitchen", phrase="on a kitchen counter", ground_line=0.42, paint=indoors.kitchen),
    Backdrop(name="jetty", phrase="on a jetty by a lake", ground_line=0.46, paint=outdoors.jetty),
    Backdrop(name="moon", phrase="on the moon", ground_line=0.5, paint=outdoors.moon),
)
BACKDROPS: Mapping[str, Backdrop] = MappingProxyType({item.name: item for item in _ALL})
