"""Pictures of one to four large toys at 128 px, put together anew from a stock of cut-outs and backdrops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import final

import numpy as np

from actors.micro.composer.stock import NO_SCENE, SIDE, SUN, ToyStock
from actors.micro.studio_views import PAPER, TINT
from engine.compose.paste import over, paste
from engine.compose.shadows import with_shadows
from engine.geometry import Box
from engine.rows.composition import Placement
from engine.rows.values import Pixels
from engine.seeds import derive
from engine.toybox import CLASSES
from engine.toybox.studio import ToyPlace, standing_box

MOST = 4  # toys in a picture
COUNTS = 0.3, 0.34, 0.23, 0.13  # how often one, two, three and four toys are seen
SHARES = (0.42, 0.85), (0.36, 0.6), (0.34, 0.47), (0.28, 0.4)  # of the picture's side, for the longer side of a toy
LARGEST_ALONE = 0.94  # the same for a single toy on paper
PAPER_SHARE = 0.3  # of the pictures, without a scene: so that bare toys are not forgotten
PAPER_GROUND = 0.3  # where the ground of a paper backdrop begins
HIDDEN = 0.2  # most that one box may cover of another, where there is a choice
APART = 0.15  # between the middles of two boxes, so that "left to right" is no matter of opinion
HELD_OUT = 8  # one pair of classes in so many is never shown together, one class in so many never in a certain scene
_TRIES = 60


@final
@dataclass(frozen=True, slots=True)
class ComposedPicture:
    """A picture and its truth; toys stand in the order in which they are seen from left to right.

    Attributes:
        image: 128x128x3 u8.
        layers: a 128x128 u8 soft mask for each toy, without what is hidden.
        boxes: of each toy, xyxy in 0..1, hidden parts included.
        concepts: numbers of the toys in the stock; a class is that modulo the number of classes.
        scene: a number of `SCENES`, or `NO_SCENE`.
    """

    image: Pixels
    layers: tuple[Pixels, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    concepts: tuple[int, ...]
    scene: int


def held_out(classes: Sequence[int], scene: int = NO_SCENE) -> bool:
    """Whether training never shows two of these classes together, or one of them in this scene: kept for measuring."""
    pairs = [("pair", one, other) for one, other in combinations(sorted(classes), 2)]
    scenes = [("scene", number, scene) for number in classes if scene != NO_SCENE]
    return any(_is_kept_back(*name) for name in (*pairs, *scenes))


@cache
def _is_kept_back(*name: str | int) -> bool:
    return derive(0, "composer", "held out", *name) % HELD_OUT == 0


def compose(
    stock: ToyStock, draw: np.random.Generator, count: int | None = None, *, bare: bool | None = None
) -> ComposedPicture:
    """A picture of toys of different classes, none of them a held-out pair or in a held-out scene.

    Args:
        stock: what it is made of.
        draw: the dice.
        count: toys, 1 to 4; drawn where it is not said.
        bare: on paper instead of in a scene; drawn where it is not said.
    """
    count = int(draw.choice(MOST, p=COUNTS)) + 1 if count is None else count
    bare = bool(draw.random() < PAPER_SHARE) if bare is None else bare
    side = int(draw.choice([-1, 1]))
    scene, where = (NO_SCENE, _paper(draw, side)) if bare else stock.backdrop(draw, side)
    classes = _allowed_classes(draw, count, scene)
    rounds = stock.concepts // len(CLASSES)
    concepts = [int(draw.integers(rounds)) * len(CLASSES) + number for number in classes]
    toys = [stock.toy(concept, draw, side) for concept in concepts]
    boxes = lay_out(draw, toys, where.ground_line, bare=bare)
    far_to_near = sorted(range(count), key=lambda number: boxes[number].y1)
    image, layers, placements = _assemble(
        where, [toys[number] for number in far_to_near], [boxes[number] for number in far_to_near], bare=bare
    )
    left_to_right = sorted(range(count), key=lambda turn: placements[turn].box[0] + placements[turn].box[2])
    return ComposedPicture(
        image=image,
        layers=tuple(layers[turn] for turn in left_to_right),
        boxes=tuple(placements[turn].box for turn in left_to_right),
        concepts=tuple(concepts[far_to_near[turn]] for turn in left_to_right),
        scene=scene,
    )


def _assemble(
    where: ToyPlace, toys: Sequence[Pixels], boxes: Sequence[Box], *, bare: bool
) -> tuple[Pixels, tuple[Pixels, ...], list[Placement]]:
    """The picture, its layers and placements, far to near; on paper there are no shadows and no light to match."""
    placements = [_placement(turn, box) for turn, box in enumerate(boxes)]
    laid = paste(where.pixels, toys, placements, tinted=not bare)
    ground = where.pixels
    if not bare:
        ground = with_shadows(ground, laid.layers, placements, sun=where.sun, ground_line=where.ground_line)
    return over(laid.foreground, ground), laid.layers, placements


def _placement(order: int, box: Box) -> Placement:
    corners = (box.x0, box.y0, box.x1, box.y1)
    return Placement(
        cutout_id=str(order), box=corners, flip=False, order=order, support="ground", relative_size=1.0
    )  # fmt: skip


def _allowed_classes(draw: np.random.Generator, count: int, scene: int) -> list[int]:
    while True:
        classes = [int(number) for number in draw.choice(len(CLASSES), count, replace=False)]
        if not held_out(classes, scene):
            return classes


def _paper(draw: np.random.Generator, side: int) -> ToyPlace:
    color = np.clip(draw.uniform(*PAPER) + draw.normal(0, TINT, 3), 0, 255).astype(np.uint8)
    return ToyPlace("paper", np.broadcast_to(color, (SIDE, SIDE, 3)).copy(), SUN * side, PAPER_GROUND)


def lay_out(draw: np.random.Generator, toys: Sequence[Pixels], ground_line: float, *, bare: bool) -> list[Box]:
    """A box for each toy, all large, their feet on the ground; those that hide each other least of what was tried.

    Args:
        draw: the dice.
        toys: HxWx4 cut-outs.
        ground_line: where the ground begins, 0 (top) .. 1.
        bare: on paper, where a foot may stand anywhere and a single toy may be larger.
    """
    low, high = SHARES[len(toys) - 1]
    if bare and len(toys) == 1:
        high = LARGEST_ALONE
    boxes: list[Box] = []
    for toy in toys:
        share = float(draw.uniform(low, high))
        tall = share * toy.shape[0] / max(toy.shape[:2])
        nearest = tall + 0.01 if bare else max(ground_line + 0.1, tall + 0.01)
        feet = zip(draw.uniform(0, 1, _TRIES), draw.uniform(min(nearest, 0.97), 0.99, _TRIES), strict=True)
        tried = [standing_box(toy, share, (float(x), float(foot))) for x, foot in feet]
        boxes.append(min(tried, key=lambda box: max((_crowding(box, other) for other in boxes), default=0.0)))
    return boxes


def _crowding(one: Box, other: Box) -> float:
    return _excess_cover(one, other) + max(APART - abs(one.x0 + one.x1 - other.x0 - other.x1) / 2, 0.0)


def _excess_cover(one: Box, other: Box) -> float:
    """The larger share that the boxes have of each other; what is tolerable is as good as nothing."""
    wide = max(min(one.x1, other.x1) - max(one.x0, other.x0), 0.0)
    tall = max(min(one.y1, other.y1) - max(one.y0, other.y0), 0.0)
    areas = [(box.x1 - box.x0) * (box.y1 - box.y0) for box in (one, other)]
    return max(wide * tall / max(min(areas), 1e-9) - HIDDEN, 0.0)
