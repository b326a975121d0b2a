"""Rows as a training sees them: a picture, the words for it, and where the loss counts."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import final

import numpy as np
from numpy.typing import NDArray

from actors.personalize.rows.framing import LATENT, everywhere, far_mask, frame, square
from actors.score.clip import crop
from engine.photos.decode_photo import decode_photo
from engine.photos.images import decode
from engine.rows.values import Pixels
from engine.seeds import rng
from engine.storage.hashes import digest
from planners.train.photo_views import PhotoView, draw_view
from planners.train.prompts import ConceptWords, PromptStrategies, class_prompt, composed_prompt, photo_prompt

MIRRORED = 0.5  # of the views
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

    @property
    @abstractmethod
    def variants(self) -> int:
        """How many views a row has, the same for all rows; 0: a new one for every draw."""

    @abstractmethod
    def show(self, number: int, view: str | int, side: int) -> Shown:
        """A row as it is seen at `side` pixels: in one of its views, or as `view` names a draw."""

    @abstractmethod
    def tell(self, number: int, view: str | int, side: int) -> tuple[str, NDArray[np.float32]]:
        """Prompt and mask of what `show` shows, without its pixels."""

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
        self,
        photos: Sequence[EncodedPhoto],
        seed: int,
        *,
        augment: bool,
        flip: bool,
        views: int = 0,
        of_class: bool = False,
    ) -> None:
        self._photos = sorted(photos, key=lambda photo: photo.photo_id)
        self._seed, self._flip, self._views, self._of_class = seed, flip, views, of_class
        self._augment = augment and not of_class

    def __len__(self) -> int:
        return len(self._photos)

    def name(self, number: int) -> str:
        return self._photos[number].photo_id

    def references(self, concept: str, most: int) -> list[Pixels]:
        shown = [photo for photo in self._photos if photo.words.concept == concept][:most]
        return [decode_photo(photo.data, where=photo.photo_id).pixels[..., :3] for photo in shown]

    def fingerprint(self) -> str:
        """16 hex digits over all photos and the concepts on them."""
        lines = (f"{photo.words.concept} {photo.words.class_name} {digest(photo.data)}" for photo in self._photos)
        return blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()

    @property
    def variants(self) -> int:
        return self._views if self._augment else 1 + self._flip

    def _view(self, number: int, view: str | int) -> PhotoView:
        if isinstance(view, int) and not self._augment:
            return PhotoView(1.0, 0.0, 0.0, "", bool(view))
        draw = f"{view}/{self._photos[number].photo_id}"
        return draw_view(self._seed, draw, augment=self._augment, flip=self._flip)

    def tell(self, number: int, view: str | int, side: int) -> tuple[str, NDArray[np.float32]]:
        words, seen = self._photos[number].words, self._view(number, view)
        prompt = class_prompt(words) if self._of_class else photo_prompt(words, seen.words)
        return prompt, everywhere(side) if seen.scale >= 1 else far_mask(seen, side // LATENT)

    def show(self, number: int, view: str | int, side: int) -> Shown:
        photo, seen = self._photos[number], self._view(number, view)
        pixels = square(decode_photo(photo.data, where=photo.photo_id).pixels[..., :3], side)
        return Shown(frame(pixels, seen, side), *self.tell(number, view, side))


@dataclass(frozen=True, slots=True)
class ComposedRow:
    """A row of a dataset: its id and unit, caption template, concepts, classes and boxes of objects, background."""

    sample_id: str
    unit_id: int
    template: str
    concepts: tuple[str, ...]
    classes: tuple[str, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    background: str


@final
class Composed(TrainingRows):
    """Composed pictures, whole, under their captions with tokens; mirrored where no word says left or right.

    Args:
        rows: of which each object's concept is among `words`.
        image: reads the encoded picture of a row.
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
        image: Callable[[ComposedRow], bytes],
        words: Sequence[ConceptWords],
        how: PromptStrategies,
        seed: int,
        *,
        flip: bool,
    ) -> None:
        known = {each.concept: each for each in words}
        self._rows = sorted(rows, key=lambda row: row.sample_id)
        self._image = image
        self._prompts = [
            composed_prompt(row.template, list(zip(row.concepts, row.classes, strict=True)), row.background, known, how)
            for row in self._rows
        ]
        self._seed, self._flip = seed, flip

    def __len__(self) -> int:
        return len(self._rows)

    def name(self, number: int) -> str:
        return self._rows[number].sample_id

    def references(self, concept: str, most: int) -> list[Pixels]:
        shown = (row for row in self._rows if concept in row.concepts)
        return [crop(decode(self._image(row)), row.boxes[row.concepts.index(concept)]) for row in islice(shown, most)]

    @property
    def variants(self) -> int:
        return 1 + self._flip

    def tell(self, number: int, view: str | int, side: int) -> tuple[str, NDArray[np.float32]]:
        del view
        return self._prompts[number], everywhere(side)

    def show(self, number: int, view: str | int, side: int) -> Shown:
        row, prompt = self._rows[number], self._prompts[number]
        drawn = (
            view if isinstance(view, int) else rng(self._seed, "mirror", f"{view}/{row.sample_id}").random() < MIRRORED
        )
        flip = self._flip and bool(drawn) and not _SIDES.search(prompt)
        pixels = square(decode(self._image(row)), side)
        return Shown(pixels[:, ::-1] if flip else pixels, prompt, everywhere(side))
