"""Every class of toy: what its solid is made of, and how its photos show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from engine.toybox.shapes import animals, ornaments, plants, things, vehicles
from engine.toybox.shapes.distance_fields import Field, Points
from engine.toybox.shapes.parts import ToyPart

Shape = Sequence[float]
"""Four numbers in 0..1 that make this mug another mug than the next."""


@dataclass(frozen=True, slots=True)
class Form:
    """A class of toy.

    `solid` gives the distance to each part. A toy is photographed from `front` degrees about
    its vertical axis, give or take `sway`: a car is better known from its side, a robot from its face.
    """

    solid: Callable[[Points, Shape], Sequence[tuple[ToyPart, Field]]]
    front: float = 0.0
    sway: float = 50.0


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "ball": Form(ornaments.ball, sway=180),
        "toy block": Form(ornaments.block, 35, 30),
        "mug": Form(things.mug, 0, 50),
        "teapot": Form(things.teapot, 0, 45),
        "vase": Form(things.vase, sway=180),
        "bottle": Form(things.bottle, sway=180),
        "bowl": Form(things.bowl, sway=180),
        "bell": Form(ornaments.bell, sway=180),
        "candle": Form(things.candle, sway=180),
        "lamp": Form(things.lamp, sway=180),
        "hourglass": Form(things.hourglass, sway=180),
        "crown": Form(ornaments.crown, sway=180),
        "gift": Form(ornaments.gift, 30, 35),
        "birdhouse": Form(things.birdhouse, 20, 35),
        "star": Form(ornaments.star, 0, 35),
        "heart": Form(ornaments.heart, 0, 35),
        "donut": Form(plants.donut, 0, 60),
        "apple": Form(plants.apple, sway=180),
        "mushroom": Form(plants.mushroom, sway=180),
        "cactus": Form(plants.cactus, 0, 35),
        "toy tree": Form(plants.tree, sway=180),
        "toy car": Form(vehicles.car, 35, 30),
        "toy boat": Form(vehicles.boat, 20, 35),
        "toy rocket": Form(vehicles.rocket, sway=180),
        "robot": Form(vehicles.robot, 0, 40),
        "fish": Form(animals.fish, 10, 35),
        "duck": Form(animals.duck, 25, 40),
        "penguin": Form(animals.penguin, 0, 40),
        "rabbit": Form(animals.rabbit, 0, 40),
        "teddy bear": Form(animals.bear, 0, 40),
        "snail": Form(animals.snail, 10, 35),
        "snowman": Form(animals.snowman, 0, 40),
    }
)
CLASSES = tuple(FORMS)
"""In the order of their numbers."""
