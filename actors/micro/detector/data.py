"""Batches for the detector: Toybox groups and photos, mirrored, cropped and re-lit by chance; mosaics of single toys.

Mosaics are those of Minderer et al. 2022, section 3.2: what a patch shows must be read there, not off the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from actors.micro.studio_views import alone
from actors.micro.views import around, render_view
from engine.rows.values import Pixels
from engine.toybox.sets import ToySet

CROP_FROM = 0.6  # of the side
WHOLE, NOTHING = 0.75, 0.05  # shares of an object inside a crop that leave no doubt whether it is there
TRIES = 8
SLACKS = 0.1, 1.5  # of an object's sides: how much is seen around it where it is seen up close
OFTEN, SOFTEST = 0.5, 0.5  # share of the pictures that are disguised in a way; share of the pixels a side left by it
CLOSE = 0.4  # share of the way before windows begin to widen
Change = Callable[
    [Pixels, NDArray[np.float32], int, np.random.Generator], tuple[Pixels, NDArray[np.float32], NDArray[np.bool_]]
]


class Annotated(Protocol):
    """What is read of a `ToySet`; see there."""

    @property
    def images(self) -> Pixels: ...
    @property
    def counts(self) -> NDArray[np.int8]: ...
    @property
    def boxes(self) -> NDArray[np.float32]: ...
    @property
    def classes(self) -> NDArray[np.int16]: ...


@dataclass(frozen=True, slots=True)
class DetectionBatch:
    """`images` BxSxSx3 uint8; `boxes` BxTx4 float32, xyxy in 0..1; `labels` BxT int64; `counts` B int64."""

    images: Pixels
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    counts: NDArray[np.int64]


def draw_batch(
    sets: Sequence[tuple[Annotated, int]], sizes: Sequence[int], side: int, draw: np.random.Generator
) -> DetectionBatch:
    """`sizes[i]` pictures out of the first so many of set i, each changed by chance, `side` pixels square."""
    return _draw_batch(sets, sizes, side, draw, _random_crop)


def draw_close(
    sets: Sequence[tuple[Annotated, int]],
    sizes: Sequence[int],
    side: int,
    draw: np.random.Generator,
    progress: float = 1.0,
) -> DetectionBatch:
    """The same, each picture through a window around one of its objects, tight at a `progress` of 0, wide up to 1."""
    widest = SLACKS[0] * (SLACKS[1] / SLACKS[0]) ** max((progress - CLOSE) / (1 - CLOSE), 0.0)
    return _draw_batch(sets, sizes, side, draw, partial(_close, widest=widest))


def draw_alone(photos: ToySet, size: int, side: int, draw: np.random.Generator) -> DetectionBatch:
    """`size` toys without their surroundings."""
    chosen = draw.integers(len(photos), size=size)
    views, boxes = zip(*(alone(photos, int(index), side, draw) for index in chosen), strict=True)
    labels = photos.classes[chosen, :1].astype(np.int64)
    return DetectionBatch(np.stack(views), np.stack(boxes)[:, None], labels, np.ones(size, np.int64))


def mosaics(tiles: DetectionBatch, cells: int, side: int) -> DetectionBatch:
    """`cells` x `cells` pictures side by side, as many of them as the tiles make up, cut to `side` pixels."""
    count, tile = len(tiles.images) // cells**2, tiles.images.shape[1]
    grid = tiles.images[: count * cells**2].reshape(count, cells, cells, tile, tile, 3)
    images = grid.transpose(0, 1, 3, 2, 4, 5).reshape(count, cells * tile, cells * tile, 3)[:, :side, :side]
    corners = [(column * tile, row * tile) * 2 for row in range(cells) for column in range(cells)]
    boxes, labels = [], []
    for first in range(0, count * cells**2, cells**2):
        parts = [(first + cell, tiles.counts[first + cell], corner) for cell, corner in enumerate(corners)]
        moved = [
            (tiles.boxes[number, :known] * tile + np.asarray(corner, np.float32)) / side
            for number, known, corner in parts
        ]
        boxes.append(np.clip(np.concatenate(moved), 0, 1))
        labels.append(np.concatenate([tiles.labels[number, :known] for number, known, _ in parts]))
    return _pad(list(images), boxes, labels)


def disguise(batch: DetectionBatch, draw: np.random.Generator) -> DetectionBatch:
    """The same objects, by chance with their colours exchanged (half of the pictures) or softened (as many).

    Toys of one class come in any colour, so colours must not tell classes apart; painters and small pictures soften.
    """
    return replace(batch, images=np.stack([_disguise_image(image, draw) for image in batch.images]))


def join_batches(one: DetectionBatch, other: DetectionBatch) -> DetectionBatch:
    """Both batches as one; their pictures have one size."""
    boxes, labels = [], []
    for batch in (one, other):
        boxes += [own[:count] for own, count in zip(batch.boxes, batch.counts, strict=True)]
        labels += [own[:count] for own, count in zip(batch.labels, batch.counts, strict=True)]
    return _pad([*one.images, *other.images], boxes, labels)


def _draw_batch(
    sets: Sequence[tuple[Annotated, int]], sizes: Sequence[int], side: int, draw: np.random.Generator, change: Change
) -> DetectionBatch:
    images, boxes, labels = [], [], []
    for (data, limit), size in zip(sets, sizes, strict=True):
        for index in draw.integers(limit, size=size):
            count = int(data.counts[index])
            image, kept, known = change(data.images[index], data.boxes[index, :count], side, draw)
            images.append(image)
            boxes.append(kept)
            labels.append(data.classes[index, :count][known])
    return _pad(images, boxes, labels)


def _disguise_image(image: Pixels, draw: np.random.Generator) -> Pixels:
    if draw.random() < OFTEN:
        image = image[..., draw.permutation(3)]
    if draw.random() < OFTEN:
        side = image.shape[0]
        less = round(side * float(draw.uniform(SOFTEST, 1.0)))
        small = cv2.resize(image, (less, less), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    return image


def _pad(
    images: Sequence[Pixels], boxes: Sequence[NDArray[np.float32]], labels: Sequence[NDArray[np.integer[Any]]]
) -> DetectionBatch:
    most = max(1, *(len(own) for own in boxes))
    padded = np.zeros((len(images), most, 4), np.float32)
    names = np.zeros((len(images), most), np.int64)
    for number, (own, classes) in enumerate(zip(boxes, labels, strict=True)):
        padded[number, : len(own)], names[number, : len(own)] = own, classes
    return DetectionBatch(np.stack(images), padded, names, np.asarray([len(own) for own in boxes], np.int64))


def _random_crop(
    image: Pixels, boxes: NDArray[np.float32], side: int, draw: np.random.Generator
) -> tuple[Pixels, NDArray[np.float32], NDArray[np.bool_]]:
    """A crop of a picture, its boxes, and which objects they are."""
    left, top, extent = _window(boxes, draw)
    size = image.shape[0]
    x0, y0, cut = round(left * size), round(top * size), max(round(extent * size), 8)
    patch = image[y0 : y0 + cut, x0 : x0 + cut]
    if patch.shape[0] != side:
        patch = cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA if cut > side else cv2.INTER_LINEAR)
    moved = (boxes - np.asarray([x0, y0, x0, y0], np.float32) / size) * (size / cut)
    known = _inside(boxes, x0 / size, y0 / size, cut / size) > NOTHING
    return *_mirrored_and_relit(patch, np.clip(moved[known], 0.0, 1.0), draw), known


def _close(
    image: Pixels, boxes: NDArray[np.float32], side: int, draw: np.random.Generator, *, widest: float
) -> tuple[Pixels, NDArray[np.float32], NDArray[np.bool_]]:
    """One object through its box, with a little or much around it, and what else is seen there."""
    slack = float(np.exp(draw.uniform(*np.log((SLACKS[0], widest)))))
    x0, y0, x1, y1 = around(boxes[int(draw.integers(len(boxes)))], draw, slack)
    low, size = np.asarray([x0, y0] * 2, np.float32), np.asarray([x1 - x0, y1 - y0] * 2, np.float32)
    moved = (boxes - low) / size
    known = _inside(moved, 0.0, 0.0, 1.0) > NOTHING
    patch = render_view(image, (x0, y0, x1, y1), side)
    return *_mirrored_and_relit(patch, np.clip(moved[known], 0.0, 1.0), draw), known


def _mirrored_and_relit(
    patch: Pixels, boxes: NDArray[np.float32], draw: np.random.Generator
) -> tuple[Pixels, NDArray[np.float32]]:
    if draw.random() < 0.5:
        patch, boxes = patch[:, ::-1], np.stack((1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]), axis=1)
    gain, offset = draw.uniform(0.8, 1.2), draw.uniform(-16, 16)
    lit = np.clip(patch.astype(np.float32) * gain + offset, 0, 255).astype(np.uint8)
    return lit, boxes.astype(np.float32)


def _window(boxes: NDArray[np.float32], draw: np.random.Generator) -> tuple[float, float, float]:
    """Left, top and side of a square crop that holds every object nearly whole or not at all."""
    for _ in range(TRIES):
        extent = float(draw.uniform(CROP_FROM, 1.0))
        left, top = (float(value) for value in draw.uniform(0.0, 1.0 - extent, 2))
        inside = _inside(boxes, left, top, extent)
        if ((inside > WHOLE) | (inside <= NOTHING)).all() and (inside > WHOLE).any():
            return left, top, extent
    return 0.0, 0.0, 1.0


def _inside(boxes: NDArray[np.float32], left: float, top: float, extent: float) -> NDArray[np.float32]:
    """The share of each box that lies in a square window."""
    low = np.maximum(boxes[:, :2], np.asarray([left, top], np.float32))
    high = np.minimum(boxes[:, 2:], np.asarray([left + extent, top + extent], np.float32))
    shared = np.clip(high - low, 0.0, None).prod(axis=1)
    return np.asarray(shared / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-9), np.float32)
