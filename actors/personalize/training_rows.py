"""Rows as a training sees them: a picture, the words for it, and where the loss counts."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import final

import numpy as np
from numpy.typing import NDArray

from engine.compose.paste import box_window
from engine.photos.decode_photo import decode_photo
from engine.photos.images import decode, resize
from engine.rows.values import Pixels
from planners.train.photo_views import PhotoView, draw_view
from planners.train.prompts import ConceptWords, PromptStrategies, class_prompt, composed_prompt, photo_prompt

LATENT = 8  # pixels of one latent
_SIDES = re.compile(r"\b(left|right)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shown:
    """One row at one step.

    Attributes:
        pixels: side x side x 3, uint8.
        prompt: its words.
        mask: (side/8, side/8), float32 in [0, 1]: where the loss counts.
    """

    pixels: Pixels
    prompt: str
    mask: NDArray[np.float32]


class TrainingRows(ABC):
    """Rows in the order of their ids, each of which can be shown again for the same draw."""

    @abstractmethod
    def __len__(self) -> int:
        """How many there are."""

    @abstractmethod
    def show(self, number: int, draw: str, side: int) -> Shown:
        """A row as it is seen under `draw`, at `side` pixels."""

    @abstractmethod
    def name(self, number: int) -> str:
        """Its id, for messages."""

    @abstractmethod
    def references(self, concept: str, most: int) -> list[Pixels]:
        """Up to `most` pictures of a concept, HxWx3 uint8: what drawings of it are compared with."""


@dataclass(frozen=True, slots=True)
class EncodedPhoto:
    """A photo of one concept: its id, its bytes, and whose it is."""

    photo_id: str
    data: bytes
    words: ConceptWords


@final
class Photos(TrainingRows):
    """Photos of single concepts, near, far and whole as in Custom Diffusion; or of their classes, without the token."""

    def __init__(
        self, photos: Sequence[EncodedPhoto], seed: int, *, augment: bool, flip: bool, of_class: bool = False
    ) -> None:
        self._photos = sorted(photos, key=lambda photo: photo.photo_id)
        self._seed, self._augment, self._flip, self._of_class = seed, augment, flip, of_class

    def __len__(self) -> int:
        return len(self._photos)

    def name(self, number: int) -> str:
        return self._photos[number].photo_id

    def references(self, concept: str, most: int) -> list[Pixels]:
        shown = [photo for photo in self._photos if photo.words.concept == concept][:most]
        return [decode_photo(photo.data, where=photo.photo_id).pixels[..., :3] for photo in shown]

    def show(self, number: int, draw: str, side: int) -> Shown:
        photo = self._photos[number]
        augment = self._augment and not self._of_class
        view = draw_view(self._seed, f"{draw}/{photo.photo_id}", augment=augment, flip=self._flip)
        pixels = _square(decode_photo(photo.data, where=photo.photo_id).pixels[..., :3], side)
        pixels = pixels[:, ::-1] if view.flip else pixels
        prompt = class_prompt(photo.words) if self._of_class else photo_prompt(photo.words, view.words)
        everywhere = np.ones((side // LATENT,) * 2, np.float32)
        if view.scale == 1:
            return Shown(pixels, prompt, everywhere)
        scaled = round(view.scale * side)
        left, top = round(view.left * side), round(view.top * side)
        sized = resize(np.ascontiguousarray(pixels), scaled, scaled)
        if view.scale > 1:
            return Shown(sized[top : top + side, left : left + side], prompt, everywhere)
        canvas = np.zeros((side, side, 3), np.uint8)
        canvas[top : top + scaled, left : left + scaled] = sized
        return Shown(canvas, prompt, _far_mask(view, side // LATENT))


@dataclass(frozen=True, slots=True)
class ComposedRow:
    """A row of a dataset: its id, encoded image, caption template, concepts and boxes of its objects, background."""

    sample_id: str
    image: bytes
    template: str
    concepts: tuple[str, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    background: str


@final
class Composed(TrainingRows):
    """Composed pictures, whole, under their captions with tokens; mirrored where no word says left or right.

    Args:
        rows: of which each object's concept is among `words`.
        words: of the concepts.
        how: the paper's prompt strategies.
        seed: root seed.
        flip: whether half of the views are mirrored.

    Raises:
        SampleError: TRAIN_CAPTION, for the first row whose caption does not fit its objects.
    """

    def __init__(
        self,
        rows: Sequence[ComposedRow],
        words: Sequence[ConceptWords],
        how: PromptStrategies,
        seed: int,
        *,
        flip: bool,
    ) -> None:
        known = {each.concept: each for each in words}
        self._rows = sorted(rows, key=lambda row: row.sample_id)
        self._prompts = [composed_prompt(row.template, row.concepts, row.background, known, how) for row in self._rows]
        self._seed, self._flip = seed, flip

    def __len__(self) -> int:
        return len(self._rows)

    def name(self, number: int) -> str:
        return self._rows[number].sample_id

    def references(self, concept: str, most: int) -> list[Pixels]:
        shown = (row for row in self._rows if concept in row.concepts)
        return [_crop(decode(row.image), row.boxes[row.concepts.index(concept)]) for row in islice(shown, most)]

    def show(self, number: int, draw: str, side: int) -> Shown:
        row, prompt = self._rows[number], self._prompts[number]
        flip = self._flip and not _SIDES.search(prompt)
        view = draw_view(self._seed, f"{draw}/{row.sample_id}", augment=False, flip=flip)
        pixels = _square(decode(row.image), side)
        return Shown(pixels[:, ::-1] if view.flip else pixels, prompt, np.ones((side // LATENT,) * 2, np.float32))


def _crop(pixels: Pixels, box: tuple[float, float, float, float]) -> Pixels:
    rows, columns = box_window(box, pixels.shape[0])
    return pixels[rows, columns]


def _square(pixels: Pixels, side: int) -> Pixels:
    """The middle of a picture, square, at `side` pixels."""
    height, width = pixels.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    return resize(np.ascontiguousarray(pixels[top : top + edge, left : left + edge]), side, side)


def _far_mask(view: PhotoView, side: int) -> NDArray[np.float32]:
    """Ones in the latent pixels inside of a far photo but for its edge; where that leaves none, in those that it fills.

    Of a third of 64 px, 2.7 latent pixels, an edge of one on each side would leave nothing to learn from.
    """
    for margin, low, high in ((1 / side, np.ceil, np.floor), (0.0, np.rint, np.rint)):
        x0, y0, x1, y1 = (round(edge * side, 6) for edge in view.trained_box(margin))
        mask = np.zeros((side, side), np.float32)
        mask[int(low(y0)) : int(high(y1)), int(low(x0)) : int(high(x1))] = 1
        if mask.any():
            break
    return mask
